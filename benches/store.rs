//! The cost of a commit, alone and shared: one small row per write, with 1, 16 and 100 concurrent writers.
//!
//! `cargo bench --bench store`; with `--features postgres`, and where PostgreSQL is installed, on both engines. Both
//! sync to disk at each commit.

#[cfg(feature = "postgres")]
#[path = "support/postgres.rs"]
mod postgres;

use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use futures_util::future::join_all;
use hearth_base::Seams;
use hearth_store::ids::UserSn;
use hearth_store::tables::account_data::{self, WHOLE_ACCOUNT};
use hearth_store::{Options, Store};
use tokio::runtime::Runtime;

/// Writes one item of account data of `user`.
async fn write(store: &Store, user: i64, number: u64) {
    let written = store.write("bench", move |tx| {
        let (position, content) = (tx.position(), format!(r#"{{"number":{number}}}"#));
        account_data::set(tx.tx(), UserSn(user), WHOLE_ACCOUNT, "org.example.bench", Some(&content), position)
    });
    written.await.expect("written");
}

fn commits(group: &mut BenchmarkGroup<'_, WallTime>, engine: &str, options: Options) {
    let runtime = Runtime::new().expect("threads can be started");
    let store = Store::open(options, Seams::system()).expect("the database opens");
    let mut number = 0;
    for writers in [1_u32, 16, 100] {
        group.throughput(Throughput::Elements(writers.into()));
        group.bench_function(format!("{engine}, {writers} at once"), |bencher| {
            bencher.iter(|| {
                number += 1;
                runtime.block_on(join_all((0..writers).map(|user| write(&store, user.into(), number))))
            });
        });
    }
    store.close();
}

#[cfg_attr(feature = "postgres", expect(clippy::print_stderr, reason = "whoever measures should know what is missing"))]
fn engines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("commit");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options { ballast: None, ..Options::sqlite(folder.path().join("bench.db")) };
    commits(&mut group, "sqlite", options);
    #[cfg(feature = "postgres")]
    match postgres::Cluster::start() {
        Some(cluster) => commits(&mut group, "postgres", Options::postgres(cluster.url())),
        None => eprintln!("postgres: not measured, because its programs are not installed here"),
    }
    group.finish();
}

criterion_group!(benches, engines);
criterion_main!(benches);
