//! What guests can call. Each import is one interface of the contract; whether it is linked is decided
//! in `link`.

mod http;
mod lexicons;
mod log;
mod secrets;
mod storage;
mod system;
