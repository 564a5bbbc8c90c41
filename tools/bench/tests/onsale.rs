//! The on-sale simulation as `cargo xtask bench --onsale --quick` runs it, against the programs of this build.

use std::{path::Path, process::Command};

use serde_json::Value;

#[test]
fn a_small_arena_sells_out_and_is_reported() {
    let program = Path::new(env!("CARGO_BIN_EXE_eventflow-bench"));
    for other in ["eventflow", "stripe-sandbox"] {
        let needed = program.with_file_name(other);
        assert!(needed.is_file(), "{} is missing: `cargo build --workspace --bins`", needed.display());
    }
    let folder = std::env::temp_dir().join(format!("eventflow-onsale-{}", std::process::id()));
    let out = folder.join("onsale.json");
    let output = Command::new(program)
        .args(["onsale", "--quick", "--seed", "3", "--out"])
        .arg(&out)
        .arg("--report")
        .arg(&folder)
        .output()
        .unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");

    let values: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    let value = |name: &str| values[name].as_f64().unwrap_or_else(|| panic!("no {name} in {values}"));
    assert_eq!(value("double_sales"), 0.0);
    // More people want seats than there are.
    assert!(value("seats_sold") > 400.0 && value("seats_per_s") > 1.0 && value("orders") > 100.0, "{values}");
    assert!(value("p95_ms") > 0.0 && value("stream_lag_p95_ms") > 0.0, "{values}");

    let page = std::fs::read_to_string(folder.join("onsale.md")).unwrap();
    for row in
        ["| holds.create |", "| orders.create |", "| tickets.qr_svg |", "| has tickets |", "| Postgres |"]
    {
        assert!(page.contains(row), "no {row} in {page}");
    }
    let plots: Vec<&str> = page.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    let plots: Vec<&str> = plots.into_iter().filter(|name| name.ends_with(".svg")).collect();
    assert_eq!(plots.len(), 14, "{plots:?}");
    for plot in plots {
        let text =
            std::fs::read_to_string(folder.join(plot)).unwrap_or_else(|error| panic!("{plot}: {error}"));
        assert!(text.starts_with("<svg") && text.contains("<polyline"), "{plot} has no line");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
