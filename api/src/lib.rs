//! The one binary of EventFlow: resources, authentication, payments, the worker, embedded databases.

pub mod app;
pub mod auth;
pub mod bodies;
pub mod boot;
pub mod checkout;
pub mod config;
pub mod connections;
pub mod credentials;
pub mod doctor;
pub mod embedded;
pub mod encodings;
pub mod hosting;
pub mod openapi;
pub mod operations;
pub mod pages;
pub mod plans;
pub mod problem;
pub mod qr;
pub mod resources;
pub mod server;
pub mod shapes;
pub mod signing;
pub mod streams;
pub mod tokens;
pub mod wire;
pub mod worker;
