import HTTP1
import Telemetry
import Testing
import Time

@testable import ProxyCore

private func lookUp(_ parts: SharedReply...) -> Result<SharedLookUp, SharedFault> {
    Result { () throws(SharedFault) in try SharedLookUp(.array(parts)) }
}

@Suite("Replies of the shared cache")
struct SharedReplyTests {
    private let bytes = SharedReply.bytes([1])

    @Test("look-ups")
    func found() throws {
        #expect(
            try lookUp(.integer(0), .null, .integer(1), .integer(9)).get()
                == SharedLookUp(state: .absent, object: .none, lease: .granted(9)))
        #expect(
            try lookUp(.integer(1), bytes, .integer(0), .integer(0)).get()
                == SharedLookUp(state: .valid, object: .record([1]), lease: .none))
        #expect(
            try lookUp(.integer(2), .bytes([]), .integer(2), .integer(450)).get()
                == SharedLookUp(state: .soft, object: .known, lease: .held(milliseconds: 450)))
        // The lease ended between two commands of the function: PTTL says -2.
        #expect(
            try lookUp(.integer(5), .null, .integer(2), .integer(-2)).get().lease
                == .held(milliseconds: 0))
        for (code, state) in [(3, SharedLookUp.State.vary), (4, .unshared)] {
            #expect(
                try lookUp(.integer(Int64(code)), bytes, .integer(0), .integer(0)).get().state
                    == state)
        }
    }

    static let malformedTable: [SharedReply] = [
        .null, .integer(1), .bytes([]), .status([]), .array([]),
        .array([.integer(1), .bytes([1]), .integer(0)]),
        .array([.integer(1), .bytes([1]), .integer(0), .integer(0), .integer(0)]),
        .array([.integer(7), .null, .integer(0), .integer(0)]),
        .array([.integer(-1), .null, .integer(0), .integer(0)]),
        .array([.bytes([0x31]), .bytes([1]), .integer(0), .integer(0)]),
        .array([.integer(0), .bytes([1]), .integer(0), .integer(0)]),
        .array([.integer(1), .null, .integer(0), .integer(0)]),
        .array([.integer(1), .integer(1), .integer(0), .integer(0)]),
        .array([.integer(1), .bytes([1]), .integer(3), .integer(0)]),
        .array([.integer(1), .bytes([1]), .integer(1), .integer(0)]),
        .array([.integer(1), .bytes([1]), .integer(1), .integer(-5)]),
        .array([.integer(1), .bytes([1]), .null, .integer(0)]),
        .array([.integer(1), .bytes([1]), .integer(0), .null]),
        .array([.array([]), .array([]), .array([]), .array([])]),
    ]

    @Test("what is no look-up", arguments: malformedTable)
    func malformedLookUp(reply: SharedReply) {
        #expect(throws: SharedFault.malformed) { try SharedLookUp(reply) }
    }

    @Test("fills")
    func fills() throws {
        let outcomes = try (1...5).map { try SharedFillOutcome(.integer($0)) }
        #expect(outcomes == SharedFillOutcome.allCases)
        for reply: SharedReply in [.integer(0), .integer(6), .null, .bytes([0x31]), .array([])] {
            #expect(throws: SharedFault.malformed) { try SharedFillOutcome(reply) }
        }
    }

    static let errorTable: [Row<String, SharedFault>] = [
        Row("ERR Function not found", .functionMissing),
        Row("NOSCRIPT No matching script. Please use EVAL.", .scriptMissing),
        Row("ERR unknown command 'FCALL', with args beginning with: ", .functionsUnsupported),
        Row("ERR unknown command `FUNCTION`, with args beginning with: ", .functionsUnsupported),
        Row(
            "NOPERM this user has no permissions to run the 'fcall' command",
            .functionsUnsupported),
        Row("NOPERM this user has no permissions to access one of the keys", .denied),
        Row("NOAUTH Authentication required.", .denied),
        Row("WRONGPASS invalid username-password pair or user is disabled.", .denied),
        Row("READONLY You can't write against a read only replica.", .notMaster),
        Row("LOADING Redis is loading the dataset in memory", .notMaster),
        Row("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set", .notMaster),
        Row("NOREPLICAS Not enough good replicas to write.", .notMaster),
        Row(
            "ERR Error running script: -READONLY You can't write against a read only replica.",
            .notMaster),
        Row("OOM command not allowed when used memory > 'maxmemory'.", .outOfMemory),
        Row("BUSY Redis is busy running a script.", .refused),
        Row("WRONGTYPE Operation against a key holding the wrong kind of value", .refused),
        Row("", .refused),
    ]

    @Test("errors", arguments: errorTable)
    func errors(row: Row<String, SharedFault>) {
        let reply = SharedReply.error(Array(row.input.utf8))
        #expect(throws: row.output) { try SharedLookUp(reply) }
        #expect(throws: row.output) { try SharedFillOutcome(reply) }
        #expect(throws: row.output) { try reply.integer() }
    }

    @Test("every fault has a word that is counted")
    func reasons() {
        let faults: [SharedFault] = [
            .functionMissing, .scriptMissing, .functionsUnsupported, .notMaster, .outOfMemory,
            .denied, .refused, .malformed,
        ]
        #expect(
            faults.map(\.reason) == [
                .function, .function, .function, .notMaster, .outOfMemory, .denied, .reply,
                .protocol,
            ])
    }
}

@Suite("What is kept in Redis, and how long")
struct SharedKeepingTests {
    private func metadata(_ fields: [String]) throws -> StoredMetadata {
        try #require(stored(fields)).0
    }

    @Test("as long as it can be used, and longer if it can be validated")
    func milliseconds() throws {
        let plain = try metadata(["Cache-Control: max-age=60"])
        #expect(SharedKeeping.milliseconds(plain, now: after(0)) == 60_000)
        #expect(SharedKeeping.milliseconds(plain, now: after(59.5)) == 1_000)
        #expect(SharedKeeping.milliseconds(plain, now: after(60)) == nil)
        let stale = try metadata(["Cache-Control: max-age=60, stale-if-error=30"])
        #expect(SharedKeeping.milliseconds(stale, now: after(60)) == 30_000)
        let tagged = try metadata(["Cache-Control: max-age=60", "ETag: \"a\""])
        #expect(SharedKeeping.milliseconds(tagged, now: after(0)) == 3_660_000)
        #expect(SharedKeeping.milliseconds(tagged, now: after(1e6)) == 3_600_000)
        var long = plain
        long.lifetimeSeconds = .max
        let month: UInt64 = 30 * 86_400_000
        #expect(SharedKeeping.milliseconds(long, now: after(0)) == month)
    }

    static let types: [Row<[String], Bool>] = [
        Row(["Content-Type: application/json; charset=utf-8"], true),
        Row(["Content-Type: TEXT/html"], true), Row(["Content-Type: image/png"], false),
        Row(["Content-Type: text/html", "Content-Encoding: gzip"], false),
        Row(["Content-Type: text"], false), Row([], false),
    ]

    @Test("what is worth compressing", arguments: types)
    func compressible(row: Row<[String], Bool>) throws {
        let head = try #require(stored(["Cache-Control: max-age=60"] + row.input)).1
        #expect(SharedKeeping.isCompressible(head, bodyCount: 1024) == row.output)
        #expect(!SharedKeeping.isCompressible(head, bodyCount: 1023))
    }
}
