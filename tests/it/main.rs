//! One integration binary: the real host, driven from outside, and the rules that the code keeps.

mod tidy;
