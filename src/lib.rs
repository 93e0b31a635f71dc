//! Keeps container registries as a Git repository says.

pub mod adoption;
pub mod assembly;
pub mod audit;
pub mod cli;
pub mod config;
pub mod credentials;
pub mod demo;
pub mod desired;
pub mod doctor;
pub mod execute;
pub mod facts;
pub mod gather;
pub mod graph;
pub mod http;
pub mod model;
pub mod observe;
pub mod plan;
pub mod reconcile;
pub mod registry;
pub mod serve;
pub mod signing;
pub mod sim;
pub mod source;
pub mod transfer;
pub mod trust;
pub mod yaml;
