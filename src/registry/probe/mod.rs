//! Finding out what a registry can do: questions whose answers tell about the registry, not about what it holds.

mod chunks;
mod deletes;
mod granted;
mod greeting;
mod lists;
mod range;
mod verdict;

pub use granted::Granted;
pub use greeting::Greeting;
