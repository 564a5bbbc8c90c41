//! The rule that nobody hands on more than they have.

use eventflow_core::{ErrorCode, Refusal, access::Permission};

/// Refuses to grant, or to touch, `wanted` by an actor who holds only `held`.
pub fn check(wanted: &[Permission], held: &[Permission]) -> Result<(), Refusal> {
    let missing: Vec<String> =
        wanted.iter().filter(|permission| !held.contains(permission)).map(ToString::to_string).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let detail = "This credential cannot grant, change or renew permissions that it does not hold itself.";
    Err(Refusal::new(ErrorCode::PermissionDenied, detail).objects(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_held_is_named() {
        let held = [Permission::EventsRead, Permission::EventsWrite];
        assert_eq!(check(&held, &held), Ok(()));
        assert_eq!(check(&[], &[]), Ok(()));
        let refusal = check(&[Permission::EventsRead, Permission::RefundsWrite], &held).unwrap_err();
        assert_eq!(
            (refusal.code, refusal.objects),
            (ErrorCode::PermissionDenied, vec!["refunds:write".into()])
        );
    }
}
