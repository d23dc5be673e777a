//! The program: sources on the left, steps on the right, one loop between them.

pub mod act;
pub mod board;
pub mod cli;
pub mod daemon;
pub mod observe;
pub mod publish;
pub mod run;
pub mod simulate;
pub mod state;
pub mod wiring;
