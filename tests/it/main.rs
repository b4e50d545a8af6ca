//! One integration binary: the real host, driven from outside, and the rules that the code keeps.

mod author;
mod crash;
mod hostile;
mod lifecycle;
mod resume;
mod tidy;
mod tls;
