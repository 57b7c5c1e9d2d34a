import Testing

@testable import Redis

/// A string as an answer.
func bulk(_ string: String) -> TopologyValue { .text(Array(string.utf8)) }

/// An identity of 40 times this digit.
func runID(_ digit: Character) -> RunID {
    guard let id = RunID(Array(String(repeating: digit, count: 40).utf8)) else {
        preconditionFailure("no hexadecimal digit: \(digit)")
    }
    return id
}

@Suite("What Sentinels and nodes answer")
struct ParserTests {
    @Test(
        "a run's identity is 40 hexadecimal digits in lower case",
        arguments: [
            (String(repeating: "a", count: 40), true), (String(repeating: "0", count: 40), true),
            (String(repeating: "A", count: 40), false), (String(repeating: "g", count: 40), false),
            (String(repeating: "a", count: 39), false), (String(repeating: "a", count: 41), false),
            ("", false),
        ])
    func identity(string: String, isValid: Bool) {
        #expect((RunID(Array(string.utf8))?.text == string) == isValid)
    }

    @Test("the identity is a line of INFO")
    func info() {
        let id = String(repeating: "7", count: 40)
        let info = "# Server\r\nredis_version:7.0.15\r\nrun_id:\(id)\r\ntcp_port:6379\r\n"
        #expect(RunID(info: Array(info.utf8)) == runID("7"))
        for wrong in ["", "run_id:", "run_id:77", " run_id:\(id)", "xrun_id:\(id)"] {
            #expect(RunID(info: Array(wrong.utf8)) == nil, "\(wrong)")
        }
    }

    static let replica: [TopologyValue] = [
        bulk("slave"), bulk("10.0.0.1"), .number(6379), bulk("connected"), .number(42),
    ]

    @Test("ROLE")
    func role() {
        let master = TopologyValue.list([bulk("master"), .number(9), .list([])])
        #expect(NodeRole(master) == .master)
        let endpoint = Endpoint(host: "10.0.0.1", port: 6379)
        #expect(
            NodeRole(.list(Self.replica)) == .replica(of: endpoint, link: .connected, offset: 42))
        for link in ReplicaLink.allCases {
            var parts = Self.replica
            parts[3] = bulk(link.rawValue)
            let expected = NodeRole.replica(of: endpoint, link: link, offset: 42)
            #expect(NodeRole(.list(parts)) == expected)
        }
    }

    @Test(
        "what is no answer to ROLE",
        arguments: [
            .null, .number(1), .error(Array("LOADING".utf8)), .list([]), bulk("master"),
            .list([bulk("sentinel"), .list([bulk("main")])]), .list([.number(1)]),
            .list(Array(replica.dropLast())), .list(replica + [.null]),
            .list([bulk("slave"), bulk("h"), .number(-1), bulk("connected"), .number(1)]),
            .list([bulk("slave"), bulk("h"), .number(65_536), bulk("connected"), .number(1)]),
            .list([bulk("slave"), bulk("h"), .number(1), bulk("strange"), .number(1)]),
            .list([bulk("slave"), bulk("h"), .number(1), bulk("connected"), bulk("1")]),
            .list([bulk("slave"), bulk(""), .number(1), bulk("connected"), .number(1)]),
        ] as [TopologyValue])
    func noRole(answer: TopologyValue) { #expect(NodeRole(answer) == nil) }

    @Test("GET-MASTER-ADDR-BY-NAME")
    func master() {
        let answer = TopologyValue.list([bulk("redis-1"), bulk("6379")])
        let endpoint = Endpoint(host: "redis-1", port: 6379)
        #expect(SentinelAnswer.master(answer) == .endpoint(endpoint))
        #expect(SentinelAnswer.master(.null) == .nobody)
    }

    @Test(
        "what names no master",
        arguments: [
            .list([]), .list([bulk("h")]), .list([bulk("h"), bulk("1"), bulk("2")]),
            .list([bulk("h"), bulk("0")]), .list([bulk("h"), bulk("+1")]),
            .list([bulk("h"), bulk("65536")]), .list([bulk("h"), bulk("")]),
            .list([bulk("h"), bulk("99999999999999999999999")]), .list([bulk("h"), .number(1)]),
            .list([bulk("h h"), bulk("1")]), .list([bulk("h\n"), bulk("1")]),
            .list([bulk(String(repeating: "h", count: 254)), bulk("1")]), .number(1),
            .error(Array("ERR".utf8)), bulk("h"),
        ] as [TopologyValue])
    func noMaster(answer: TopologyValue) { #expect(SentinelAnswer.master(answer) == nil) }

    private func row(_ cells: String...) -> TopologyValue { .list(cells.map { bulk($0) }) }

    @Test("REPLICAS and SENTINELS are tables; rows without address are left out")
    func tables() {
        let id = String(repeating: "b", count: 40)
        let table = TopologyValue.list([
            row("name", "x", "ip", "10.0.0.2", "port", "6379", "runid", id, "flags", "slave"),
            row("ip", "", "port", "6379"), row("ip", "a", "port", "0"), row(),
            row("port", "26379", "ip", "s-3"),
        ])
        let first = Endpoint(host: "10.0.0.2", port: 6379)
        #expect(
            SentinelAnswer.replicas(table) == [first, Endpoint(host: "s-3", port: 26_379)])
        #expect(SentinelAnswer.sentinels(table) == [SentinelPeer(endpoint: first, id: runID("b"))])
        #expect(SentinelAnswer.replicas(.list([])) == [])
    }

    @Test("tables that are none")
    func noTables() {
        let odd = TopologyValue.list([row("ip")])
        let number = TopologyValue.list([.list([bulk("ip"), .number(1)])])
        for answer in [.null, .number(1), bulk("x"), odd, number, .list([.null])] {
            #expect(SentinelAnswer.replicas(answer) == nil)
            #expect(SentinelAnswer.sentinels(answer) == nil)
        }
    }

    @Test("no more rows are read than the limit")
    func rowsMax() {
        let rows = (1...200).map { row("ip", "h\($0)", "port", "1") }
        #expect(SentinelAnswer.replicas(.list(rows))?.count == SentinelAnswer.rowsMax)
    }

    @Test(
        "errors that are hints",
        arguments: [
            ("READONLY You can't write against a read only replica.", DataHint.readOnly),
            ("LOADING Redis is loading the dataset in memory", .loading),
            ("MASTERDOWN Link with MASTER is down", .masterDown),
            ("NOREPLICAS Not enough good replicas to write.", .noReplicas),
            ("ERR unknown", nil), ("READONLYX", nil), ("disconnected", nil), ("", nil),
        ] as [(String, DataHint?)])
    func hints(error: String, hint: DataHint?) {
        #expect(DataHint(error: Array(error.utf8)) == hint)
    }
}

@Suite("What Sentinels publish")
struct MessageTests {
    private func read(_ channel: String, _ payload: String) -> SentinelReading {
        SentinelMessage.parse(
            channel: Array(channel.utf8), payload: Array(payload.utf8), group: Array("main".utf8))
    }

    private static let id = String(repeating: "c", count: 40)
    private static let endpoint = Endpoint(host: "10.0.0.2", port: 6380)
    private static let instance = "10.0.0.2:6380 10.0.0.2 6380 @ main 10.0.0.1 6379"

    static let knownMessages: [(String, String, SentinelMessage)] = [
        ("+switch-master", "main 10.0.0.1 6379 10.0.0.2 6380", .failover(newMaster: endpoint)),
        ("+promoted-slave", "slave \(instance)", .failover(newMaster: endpoint)),
        ("+try-failover", "master main 10.0.0.1 6379", .failover(newMaster: nil)),
        ("+elected-leader", "master main 10.0.0.1 6379", .failover(newMaster: nil)),
        ("+sdown", "master main 10.0.0.1 6379", .suspicion),
        ("-sdown", "master main 10.0.0.1 6379", .suspicion),
        ("+slave", "slave \(instance)", .replica(endpoint)),
        (
            "+sentinel", "sentinel \(id) 10.0.0.2 6380 @ main 10.0.0.1 6379",
            .sentinel(SentinelPeer(endpoint: endpoint, id: runID("c")))
        ),
        ("+tilt", "#tilt mode entered", .tilt(isEntered: true)),
        ("-tilt", "#tilt mode exited", .tilt(isEntered: false)),
    ]

    @Test("are read", arguments: knownMessages)
    func known(channel: String, payload: String, message: SentinelMessage) {
        #expect(read(channel, payload) == .message(message))
        #expect(SentinelMessage.channels.contains(channel))
    }

    @Test("every channel is in the table")
    func complete() {
        #expect(Set(Self.knownMessages.map(\.0)) == Set(SentinelMessage.channels))
    }

    @Test(
        "of other groups and servers do not matter",
        arguments: [
            ("+switch-master", "other 10.0.0.1 6379 10.0.0.2 6380"),
            ("+sdown", "master other 10.0.0.1 6379"),
            ("+sdown", "slave \(instance)"),
            ("+sdown", "sentinel x 10.0.0.2 6380 @ main 10.0.0.1 6379"),
            ("+slave", "slave x 10.0.0.2 6380 @ other 10.0.0.1 6379"),
        ])
    func irrelevant(channel: String, payload: String) {
        #expect(read(channel, payload) == .irrelevant)
    }

    @Test(
        "malformed ones are told apart",
        arguments: [
            ("+switch-master", ""), ("+switch-master", "main 10.0.0.1 6379 10.0.0.2"),
            ("+switch-master", "main 10.0.0.1 6379 10.0.0.2 0"),
            ("+switch-master", "main 10.0.0.1 x 10.0.0.2 6380"),
            ("+switch-master", "main  10.0.0.1 6379 10.0.0.2 6380"),
            ("+switch-master", "main 10.0.0.1 6379 10.0.0.2 6380 1"),
            ("+slave", "slave x 10.0.0.2 6380"), ("+slave", "slave x 10.0.0.2 6380 % main h 1"),
            ("+slave", "master main 10.0.0.1 6379"),
            ("+sentinel", "sentinel short 10.0.0.2 6380 @ main 10.0.0.1 6379"),
            ("+sdown", "master main 10.0.0.1"), ("+sdown", "master main 10.0.0.1 99999"),
            ("+odown", "master main 10.0.0.1 6379"), ("", ""),
            ("+sdown", "master main 10.0.0.1 6379 " + String(repeating: "x", count: 1_024)),
        ])
    func malformed(channel: String, payload: String) {
        #expect(read(channel, payload) == .malformed)
    }
}

@Suite("Back-off")
struct BackoffTests {
    @Test("the ceiling doubles up to a second, and a success takes it back")
    func ceiling() {
        var backoff = Backoff()
        var ceilings: [UInt64] = []
        for _ in 0..<9 {
            _ = backoff.failed(chance: 0)
            ceilings.append(backoff.ceilingNanoseconds / 1_000_000)
        }
        #expect(ceilings == [20, 40, 80, 160, 320, 640, 1_000, 1_000, 1_000])
        backoff.succeeded()
        #expect(backoff.failures == 0)
        _ = backoff.failed(chance: 0)
        #expect(backoff.ceilingNanoseconds == 20_000_000)
    }

    @Test(
        "full jitter: from nothing to the ceiling",
        arguments: [
            (0, 0), (.max / 2, 10_000_000), (.max, 20_000_000),
        ] as [(UInt64, UInt64)])
    func jitter(chance: UInt64, delay: UInt64) {
        var backoff = Backoff()
        #expect(backoff.failed(chance: chance) == delay)
    }

    @Test("never traps, whatever the limits and however many failures")
    func extremes() {
        var backoff = Backoff(firstNanoseconds: .max, mostNanoseconds: 1)
        for _ in 0..<200 { #expect(backoff.failed(chance: .max) == .max) }
        var none = Backoff(firstNanoseconds: 0, mostNanoseconds: 0)
        #expect(none.failed(chance: .max) == 0)
    }
}
