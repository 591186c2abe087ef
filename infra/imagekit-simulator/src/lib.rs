#![doc = include_str!("../README.md")]

mod admin;
mod answer;
mod config;
mod delivery;
mod media_api;
mod server;
mod upload;
mod world;

pub use config::Config;
pub use server::Simulator;
