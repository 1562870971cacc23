//! A name server that is asked instead of the system's resolver.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::str::FromStr;
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE};

/// Port of name servers.
const PORT: u16 = 53;

/// Time limit for an answer, after which the question is sent once more.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Number of times that a question is sent.
const ATTEMPTS: usize = 2;

/// Largest answer, in bytes. Longer ones need TCP (RFC 1035, section 4.2.1).
const ANSWER_BYTES_MAX: usize = 512;

/// A name server that is asked instead of the system's resolver: `ADDRESS` or `ADDRESS:PORT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameServer(SocketAddr);

/// Addresses of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The addresses, in the order of the answer. At least one.
    pub(crate) addresses: Vec<IpAddr>,
    /// Time for which they are valid.
    pub(crate) ttl: Duration,
}

impl NameServer {
    /// Its address.
    pub(crate) fn address(self) -> SocketAddr {
        self.0
    }

    /// Returns the addresses of a name. Blocks for at most four seconds.
    ///
    /// # Errors
    /// If there is no valid answer in time, or the name has no address.
    pub fn addresses(self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(self.look_up(host)?.addresses)
    }

    /// Looks a name up: its IPv4 addresses, or else its IPv6 addresses. Blocks for at most four seconds.
    ///
    /// # Errors
    /// If there is no valid answer in time, or the name has no address.
    pub(crate) fn look_up(self, host: &str) -> io::Result<Found> {
        match self.ask(host, TYPE::A)? {
            Some(found) => Ok(found),
            None => self
                .ask(host, TYPE::AAAA)?
                .ok_or_else(|| io::Error::new(ErrorKind::NotFound, "it has no address")),
        }
    }

    /// Asks for the addresses of one version. `None` if there are none.
    fn ask(self, host: &str, of: TYPE) -> io::Result<Option<Found>> {
        let own: IpAddr = match self.0 {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((own, 0))?;
        // Answers of others are dropped.
        socket.connect(self.0)?;
        socket.set_read_timeout(Some(ANSWER_MAX))?;
        // The port is random as well: the system chose it.
        let id = socket.local_addr()?.port().rotate_left(5) ^ 0x5a17;
        let question = question(id, host, of)?;
        let mut answer = [0; ANSWER_BYTES_MAX];
        for _ in 0..ATTEMPTS {
            socket.send(&question)?;
            match socket.recv(&mut answer) {
                Ok(length) => return found(id, answer.get(..length).unwrap_or_default()),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(
            ErrorKind::TimedOut,
            format!("the name server {self} did not answer"),
        ))
    }
}

fn question(id: u16, host: &str, of: TYPE) -> io::Result<Vec<u8>> {
    let invalid = |error: simple_dns::SimpleDnsError| {
        io::Error::new(
            ErrorKind::InvalidInput,
            format!("{host} is no name: {error}"),
        )
    };
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(host).map_err(invalid)?;
    packet
        .questions
        .push(Question::new(name, of.into(), CLASS::IN.into(), false));
    packet.build_bytes_vec().map_err(invalid)
}

/// Reads the addresses in an answer. `None` if there are none.
fn found(id: u16, answer: &[u8]) -> io::Result<Option<Found>> {
    let malformed = |reason: String| io::Error::new(ErrorKind::InvalidData, reason);
    let packet = Packet::parse(answer)
        .map_err(|error| malformed(format!("the name server's answer is malformed: {error}")))?;
    if packet.id() != id || !packet.has_flags(PacketFlag::RESPONSE) {
        return Err(malformed(
            "the name server answered something else".to_owned(),
        ));
    }
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Ok(None),
        code => return Err(malformed(format!("the name server answered {code:?}"))),
    }
    let addresses = packet.answers.iter().filter_map(|record| {
        let address: IpAddr = match &record.rdata {
            RData::A(own) => Ipv4Addr::from(own.address).into(),
            RData::AAAA(own) => Ipv6Addr::from(own.address).into(),
            _ => return None,
        };
        Some((address, record.ttl))
    });
    let (addresses, ttls): (Vec<IpAddr>, Vec<u32>) = addresses.unzip();
    Ok(ttls.iter().min().map(|ttl| Found {
        addresses,
        ttl: Duration::from_secs(u64::from(*ttl)),
    }))
}

impl FromStr for NameServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.parse().or_else(|_| {
            let bare = text.trim_start_matches('[').trim_end_matches(']');
            bare.parse().map(|ip: IpAddr| SocketAddr::new(ip, PORT))
        });
        address.map(Self).map_err(|_| {
            format!("`{text}` is no address of a name server; write ADDRESS or ADDRESS:PORT, such as 127.0.0.1:5353")
        })
    }
}

impl fmt::Display for NameServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<SocketAddr> for NameServer {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use simple_dns::ResourceRecord;
    use simple_dns::rdata::A;

    use super::*;

    /// Answers of a name server for every name, which a test changes.
    pub(crate) type Answers = Arc<Mutex<(Vec<Ipv4Addr>, u32)>>;

    /// Starts a name server that answers until the test process ends.
    pub(crate) fn name_server(answers: Answers) -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut question = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut question) {
                let answer = answer(&question[..length], &answers.lock().unwrap());
                socket.send_to(&answer, from).unwrap();
            }
        });
        NameServer(address)
    }

    fn answer(question: &[u8], (addresses, ttl): &(Vec<Ipv4Addr>, u32)) -> Vec<u8> {
        let asked = Packet::parse(question).unwrap();
        let mut packet = Packet::new_reply(asked.id());
        let question = asked.questions[0].clone();
        if question.qtype == TYPE::A.into() {
            for address in addresses {
                let address = RData::A(A {
                    address: u32::from(*address),
                });
                let name = question.qname.clone();
                packet
                    .answers
                    .push(ResourceRecord::new(name, CLASS::IN, *ttl, address));
            }
        }
        packet.questions.push(question);
        packet.build_bytes_vec().unwrap()
    }

    #[test]
    fn finds_addresses_and_their_shortest_validity() {
        let address = Ipv4Addr::new(127, 0, 0, 2);
        let answers = Answers::default();
        let server = name_server(answers.clone());
        let error = server.look_up("www.lab.test").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        *answers.lock().unwrap() = (vec![address], 5);
        assert_eq!(
            server.look_up("www.lab.test").unwrap(),
            Found {
                addresses: vec![address.into()],
                ttl: Duration::from_secs(5)
            }
        );
        let error = server.look_up(&"x".repeat(100)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }

    #[test]
    fn parses_address_with_and_without_port() {
        let shown = |text: &str| text.parse::<NameServer>().map(|own| own.to_string());
        assert_eq!(shown("127.0.0.1").as_deref(), Ok("127.0.0.1:53"));
        assert_eq!(shown("127.0.0.1:5353").as_deref(), Ok("127.0.0.1:5353"));
        assert_eq!(shown("[::1]").as_deref(), Ok("[::1]:53"));
        for wrong in ["", "localhost", "127.0.0.1:x"] {
            assert!(shown(wrong).unwrap_err().contains("name server"), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_harmless(bytes in prop::collection::vec(any::<u8>(), 0..200), id in any::<u16>()) {
            let _ = found(id, &bytes);
        }

        #[test]
        fn damaged_answer_is_harmless(at in 0_usize..60, byte in any::<u8>(), ttl in any::<u32>()) {
            let question = question(7, "www.lab.test", TYPE::A).unwrap();
            let mut bytes = answer(&question, &(vec![Ipv4Addr::LOCALHOST], ttl));
            if let Some(own) = bytes.get_mut(at) {
                *own = byte;
            }
            let _ = found(7, &bytes);
        }
    }
}
