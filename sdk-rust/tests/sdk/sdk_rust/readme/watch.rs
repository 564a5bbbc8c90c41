use eventflow_sdk::{AvailabilityEvent, Client, Error, SeatStatus, StreamOptions, TryStreamExt};

pub async fn watch(eventflow: &Client, event_id: &str) -> Result<(), Error> {
    let mut live = eventflow.events().stream(event_id, StreamOptions::default());
    while let Some(event) = live.try_next().await? {
        match event {
            AvailabilityEvent::Snapshot { states } => println!("{} free", states.statuses.count(SeatStatus::Free)),
            AvailabilityEvent::Diff { seats, .. } => {
                for change in seats {
                    println!("{} {:?} {:?}", change.seat.0, change.before, change.after);
                }
                break; // dropping the stream closes the connection
            }
            _ => println!("read the event and its price tiers again"),
        }
    }
    Ok(())
}
