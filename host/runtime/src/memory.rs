//! The memory limiter: what one instance may take, all its memories together, and what it was refused.

use wasmtime::ResourceLimiter;

use crate::engine::{CORE_INSTANCES, MEMORIES, TABLE_ELEMENTS};

/// What an instance was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Memory.
    Memory,
    /// Table elements.
    Table,
}

/// Counts and limits an instance's memory.
#[derive(Debug)]
pub(crate) struct MemoryLimiter {
    limit: usize,
    used: usize,
    elements: usize,
    refused: Option<Refused>,
}

impl MemoryLimiter {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit, used: 0, elements: 0, refused: None }
    }

    /// Bytes of all memories together.
    pub(crate) const fn used(&self) -> usize {
        self.used
    }

    /// What was refused since it was last asked.
    pub(crate) const fn take_refused(&mut self) -> Option<Refused> {
        self.refused.take()
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.used.saturating_sub(current).saturating_add(desired);
        if total > self.limit || maximum.is_some_and(|most| desired > most) {
            self.refused = Some(Refused::Memory);
            return Ok(false);
        }
        self.used = total;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.elements.saturating_sub(current).saturating_add(desired);
        if total > TABLE_ELEMENTS || maximum.is_some_and(|most| desired > most) {
            self.refused = Some(Refused::Table);
            return Ok(false);
        }
        self.elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        MEMORIES as usize
    }

    fn memories(&self) -> usize {
        MEMORIES as usize
    }
}
