use eventflow_sdk::nouns::query;
use eventflow_sdk::types::OrdersListState;
use eventflow_sdk::{Client, Error, TryStreamExt};

pub async fn lists(eventflow: &Client, event_id: &str) -> Result<(), Error> {
    let paid = query::OrdersList {
        event_id: Some(event_id.into()),
        state: Some(OrdersListState::Paid),
        ..query::OrdersList::default()
    };
    let mut orders = eventflow.orders().list().query(paid).stream();
    while let Some(order) = orders.try_next().await? {
        println!("{}", order.id);
    }
    let page = eventflow.venues().list().limit(10).await?; // one page
    let maps = eventflow.seat_maps().list(&page.data[0].id).all(1000).await?; // a Vec, of 1,000 at most
    println!("{} {:?} {}", page.data.len(), page.next_cursor, maps.len());
    Ok(())
}
