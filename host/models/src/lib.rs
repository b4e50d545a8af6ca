//! Speaks to model providers and tool servers: the adapters behind `ModelClient` and `ToolClient`. Budgets and rights do not live here.
