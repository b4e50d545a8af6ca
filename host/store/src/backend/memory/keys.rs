//! The file of wrapped keys, in memory.

use std::io;

use parking_lot::Mutex;

use crate::seal::KeyFile;

/// The file of wrapped keys, in memory.
#[derive(Default)]
pub(crate) struct MemoryKeys(Mutex<Option<Vec<u8>>>);

impl KeyFile for MemoryKeys {
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().clone())
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        *self.0.lock() = Some(bytes.to_vec());
        Ok(())
    }
}
