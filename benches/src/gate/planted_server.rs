//! A server with a known cost of each request: arithmetic on its one thread, and a wait.

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpListener;

use crate::gate::arguments::PlantedArguments;

/// Number of steps to measure the speed of this machine.
const STEPS_MEASURED: u64 = 20_000_000;

/// Cost of each request.
#[derive(Debug, Clone, Copy)]
struct Cost {
    steps: u64,
    wait: Duration,
}

/// Serves on one thread until it is killed.
pub(crate) fn serve(arguments: &PlantedArguments) -> anyhow::Result<()> {
    let cost = Cost {
        steps: arguments.work,
        wait: Duration::from_micros(arguments.wait_us),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(listen(arguments.port, cost))
}

async fn listen(port: u16, cost: Cost) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("could not listen on 127.0.0.1:{port}"))?;
    let listener = listener.tap_io(|stream| {
        // Without this option the stream is slower, but still correct.
        let _ = stream.set_nodelay(true);
    });
    let routes = Router::new()
        .route("/items/{id}", get(answer))
        .with_state(cost);
    Ok(axum::serve(listener, routes).await?)
}

/// Works, waits, and responds. The response depends on the path only, so builds with different costs
/// give the same responses.
///
/// The wait ends at the next tick of a millisecond timer. Requests arrive at any time between two ticks,
/// so the mean wait is the requested one plus half a tick, and a longer request adds exactly its
/// difference to the mean.
async fn answer(State(cost): State<Cost>, Path(id): Path<u64>) -> String {
    work(cost.steps);
    tokio::time::sleep(cost.wait).await;
    format!("item {id}: {:016x}\n", mixed(id))
}

/// Runs steps of arithmetic, each of which depends on the previous one.
fn work(steps: u64) -> u64 {
    black_box((0..black_box(steps)).fold(1, |state, step| mixed(state ^ step)))
}

/// One step of SplitMix64.
fn mixed(state: u64) -> u64 {
    let state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// Returns the number of steps that take this time on this machine at present.
pub(crate) fn steps_of(time: Duration) -> u64 {
    let before = thread_time();
    work(STEPS_MEASURED);
    let took = thread_time().saturating_sub(before).as_secs_f64();
    (STEPS_MEASURED as f64 * time.as_secs_f64() / took.max(1e-9)).round() as u64
}

/// Returns the CPU time of this thread.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_proportional_to_time() {
        let (one, two) = (
            steps_of(Duration::from_micros(300)),
            steps_of(Duration::from_micros(600)),
        );
        assert!(one > 1_000, "{one}");
        assert!(
            (1.2..3.5).contains(&(two as f64 / one as f64)),
            "{one} {two}"
        );
    }

    #[tokio::test]
    async fn response_is_independent_of_cost() {
        let of = |steps, wait_us| {
            let wait = Duration::from_micros(wait_us);
            answer(State(Cost { steps, wait }), Path(7))
        };
        assert_eq!(of(10, 0).await, of(1_000, 2_000).await);
        assert!(of(0, 0).await.starts_with("item 7: "));
    }
}
