//! Row-level security, proven from the role of the application, and the rules of the schema.

use crate::support::Platform;

#[tokio::test(flavor = "multi_thread")]
async fn the_harness_sells_a_seat() {
    let platform = Platform::start().await;
    let tenant = platform.tenant().await;
    let event = tenant.seated_event(20).await;
    let hold = event.hold(&[0, 1]).await.created();
    let order = event.order_stripe(&hold).await.created();
    platform.sandbox.pay(&order).await;
    let paid = tenant.order_in_state(&order["id"], "paid").await;
    assert_eq!(crate::support::list(&paid, "tickets").len(), 2);
    assert_eq!(platform.number("SELECT count(*) FROM tickets").await, 2);
}
