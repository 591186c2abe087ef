#![doc = include_str!("../README.md")]

pub mod asyncapi;
pub mod fleet;
pub mod gateway;
pub mod openapi;
pub mod repository;
