//! Galera clusters.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use super::failover::Traffic;
use super::server::{free_port, program};
use super::*;

const PROVIDERS: [&str; 2] = [
    "/usr/lib/galera/libgalera_smm.so",
    "/usr/lib64/galera-4/libgalera_smm.so",
];
/// Detects the loss of a member within one second instead of five.
const FAST_DETECTION: &str = "evs.keepalive_period=PT0.1S;evs.inactive_check_period=PT0.1S;\
                     evs.suspect_timeout=PT0.5S;evs.inactive_timeout=PT1S";

/// Single server of a cluster, with the address for other members.
struct Node {
    server: MariaDb,
    listens: String,
}

async fn node() -> Option<Node> {
    let Some(provider) = PROVIDERS.into_iter().find(|path| Path::new(path).is_file()) else {
        crate::skip::skip("no libgalera_smm.so");
        return None;
    };
    let mut listens = String::new();
    let server = MariaDb::start_with(|_| {
        listens = format!("127.0.0.1:{}", free_port());
        vec![
            "--wsrep-on=ON".to_owned(),
            format!("--wsrep-provider={provider}"),
            "--wsrep-cluster-address=gcomm://".to_owned(),
            "--wsrep-cluster-name=tenfold".to_owned(),
            "--wsrep-node-address=127.0.0.1".to_owned(),
            format!(
                "--wsrep-provider-options=gmcast.listen_addr=tcp://{listens};\
                 gcache.size=16M;{FAST_DETECTION}"
            ),
            "--binlog-format=ROW".to_owned(),
            "--innodb-autoinc-lock-mode=2".to_owned(),
        ]
    })
    .await?;
    Some(Node { server, listens })
}

impl Node {
    /// Starts an arbitrator, which votes but stores no data, and waits until it has joined.
    async fn arbitrator(&self, garbd: &Path) -> Child {
        let arbitrator = Command::new(garbd)
            // It writes its view of the cluster to this directory.
            .current_dir(self.server.directory())
            .args(["-a", &format!("gcomm://{}", self.listens), "-g", "tenfold"])
            .args([
                "-o",
                &format!(
                    "gmcast.listen_addr=tcp://127.0.0.1:{};{FAST_DETECTION}",
                    free_port()
                ),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while self.members().await != "2" {
            sleep(Duration::from_millis(20)).await;
        }
        arbitrator
    }

    async fn members(&self) -> String {
        let members = "SELECT variable_value FROM information_schema.global_status \
                       WHERE variable_name = 'wsrep_cluster_size'";
        self.server.column(members).await.remove(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn satisfies_contract_on_galera() {
    let Some(node) = node().await else { return };
    let number = std::sync::atomic::AtomicU32::new(0);
    contract::is_kept(async || {
        let number = number.fetch_add(1, Ordering::Relaxed);
        let url = node.server.database(&format!("contract_{number}")).await;
        Arc::new(MysqlStore::open(&url).await.unwrap()) as Arc<dyn Store>
    })
    .await;
}

/// Without the majority of its cluster, a server refuses statements and commits with error 1047 or 1180, until
/// it is part of a majority again.
#[tokio::test(flavor = "multi_thread")]
async fn reads_survive_loss_of_majority() {
    let (Some(garbd), Some(node)) = (arbitrator_program(), node().await) else {
        return;
    };
    let url = node.server.database("waiting").await;
    let store = Arc::new(MysqlStore::open(&url).await.unwrap());
    let author = store.create_user(new_user("writer")).await.unwrap().id;
    let traffic = Traffic::start(&store, author);
    let mut direct = Conn::from_url(&url).await.unwrap();
    let mut out_for = Vec::new();
    for _ in 0..3 {
        let mut arbitrator = node.arbitrator(&garbd).await;
        traffic.flows(50).await;
        let before = traffic.failed();
        // Without the arbitrator, the server is one of two.
        arbitrator.kill().unwrap();
        arbitrator.wait().unwrap();
        let refused = loop {
            match direct.query_drop("SELECT id FROM posts LIMIT 1").await {
                Ok(()) => sleep(Duration::from_millis(5)).await,
                Err(error) => break Failure::from(error),
            }
        };
        let began = Instant::now();
        assert!(
            matches!(&refused, Failure::Driver(mysql_async::Error::Server(error)) if error.code == 1047),
            "{refused:?}"
        );
        sleep(Duration::from_millis(1_000)).await;
        let majority = "SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'";
        node.server.run(majority).await;
        while direct
            .query_drop("SELECT id FROM posts LIMIT 1")
            .await
            .is_err()
        {
            sleep(Duration::from_millis(5)).await;
        }
        let out = began.elapsed();
        traffic.flows(50).await;
        // A busy machine may take longer. Then failures are not the store's fault.
        if out < Duration::from_secs(2) {
            assert_eq!(traffic.failed(), before, "out for {out:?}");
        }
        out_for.push(out);
    }
    let (reads, failed, stored) = traffic.stop().await;
    println!(
        "out for {out_for:?}; {reads} reads, {failed} failed, {} writes",
        stored.len()
    );
    for post in &stored {
        assert_eq!(store.post(post.id).await.as_ref(), Ok(post));
    }
}

fn arbitrator_program() -> Option<PathBuf> {
    let garbd = program("garbd");
    if garbd.is_none() {
        crate::skip::skip("no garbd");
    }
    garbd
}
