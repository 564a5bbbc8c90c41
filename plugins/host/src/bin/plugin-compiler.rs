//! The compiler of uploads as a program of its own: a component on stdin, native code on stdout. Programs that have a
//! subcommand for it do without.

fn main() -> std::process::ExitCode {
    eventflow_plugin_host::compiler_main()
}
