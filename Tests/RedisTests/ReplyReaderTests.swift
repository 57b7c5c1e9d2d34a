import Support
import Testing

@testable import Redis

/// What a reader makes of a stream.
struct Reading: Equatable {
    var replies: [Reply] = []
    var violation: ReplyViolation?

    /// Feeds `bytes` in portions that end at `cuts`.
    init(_ bytes: [UInt8], cuts: [Int] = [], _ limits: ReplyLimits = ReplyLimits()) {
        let reader = ReplyReader(limits)
        var start = 0
        for end in cuts + [bytes.count] {
            violation = reader.feed(bytes.span.extracting(start..<end)) { reply in
                replies.append(reply)
                return true
            }
            start = end
        }
    }

    init(_ text: String, cuts: [Int] = [], _ limits: ReplyLimits = ReplyLimits()) {
        self.init(Array(text.utf8), cuts: cuts, limits)
    }
}

/// Streams and the replies in them.
private let streams: [(String, [Reply])] = [
    ("+OK\r\n", [.status("OK")]),
    ("+\r\n", [.status("")]),
    ("-READONLY no\r\n", [.error(ServerError("READONLY no"))]),
    (":0\r\n:-1\r\n:9223372036854775807\r\n", [.integer(0), .integer(-1), .integer(.max)]),
    ("$5\r\nhello\r\n", [.bulk(Array("hello".utf8))]),
    ("$0\r\n\r\n", [.bulk([])]),
    ("$2\r\n\r\n\r\n", [.bulk([13, 10])]),
    ("$-1\r\n", [.null]),
    ("*-1\r\n", [.null]),
    ("*0\r\n+OK\r\n", [.array([]), .status("OK")]),
    (
        "*2\r\n$1\r\na\r\n*2\r\n:1\r\n*0\r\n+x\r\n",
        [.array([.bulk([97]), .array([.integer(1), .array([])])]), .status("x")]
    ),
    (
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:7\r\n",
        [.array([.array([.array([.array([.array([.array([.array([.integer(7)])])])])])])])]
    ),
    (
        "*3\r\n-ERR x\r\n$-1\r\n+y\r\n",
        [.array([.error(ServerError("ERR x")), .null, .status("y")])]
    ),
]

/// Streams that end in what is refused.
private let violations: [(String, ReplyViolation)] = [
    ("x\r\n", .malformed), ("\r\n", .malformed), ("\0", .malformed),
    (":1x\r\n", .malformed), (":\r\n", .malformed), (":9223372036854775808\r\n", .malformed),
    ("$x\r\n", .malformed), ("$-2\r\n", .malformed), ("$9223372036854775808\r\n", .malformed),
    ("*x\r\n", .malformed), ("*-2\r\n", .malformed),
    ("*2147483648\r\n", .malformed), ("*9223372036854775807\r\n", .malformed),
    // RESP3 was not asked for: its types, pushes among them, are refused.
    (">2\r\n+message\r\n+x\r\n", .malformed), ("%1\r\n+a\r\n:1\r\n", .malformed),
    ("_\r\n", .malformed), ("#t\r\n", .malformed), (",1.5\r\n", .malformed),
    ("~1\r\n:1\r\n", .malformed), ("*1\r\n>1\r\n", .malformed),
    ("*2147483647\r\n", .tooManyElements),
    ("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:7\r\n", .tooDeep),
]

@Suite("Replies")
struct ReplyReaderTests {
    @Test("are found wherever the stream is cut", arguments: streams)
    func splits(stream: String, replies: [Reply]) {
        let count = stream.utf8.count
        #expect(Reading(stream).replies == replies)
        #expect(Reading(stream, cuts: Array(1..<count)).replies == replies)
        for cut in 0...count {
            let reading = Reading(stream, cuts: [cut])
            #expect(reading.replies == replies && reading.violation == nil, "cut at \(cut)")
        }
    }

    @Test(
        "what is none is refused, wherever it is cut, and nothing after it counts",
        arguments: violations)
    func refusals(stream: String, violation: ReplyViolation) {
        for text in [stream, "+OK\r\n" + stream] {
            let whole = Array((text + "+LATE\r\n").utf8)
            for cut in 0...text.utf8.count {
                let reading = Reading(whole, cuts: [cut])
                #expect(reading.violation == violation, "cut at \(cut)")
                #expect(reading.replies == (text == stream ? [] : [.status("OK")]))
            }
        }
    }

    @Test("up to the limit of bytes, and not one more", arguments: [100, 20_000, 70_000])
    func bytes(count: Int) {
        let stream = "$\(count)\r\n\(String(repeating: "v", count: count))\r\n"
        let exact = ReplyLimits(replyBytesMax: stream.utf8.count)
        let small = ReplyLimits(replyBytesMax: stream.utf8.count - 1)
        for cuts in [[], [10], Array(stride(from: 1, to: stream.utf8.count, by: 7))] {
            #expect(Reading(stream + stream, exact).violation == nil)
            #expect(Reading(stream + stream, exact).replies.count == 2)
            #expect(Reading(stream, cuts: cuts, small) == Reading("", tooLarge: ()))
        }
        // Many small ones are not one large one.
        let many = String(repeating: "+OK\r\n", count: 50_000)
        #expect(Reading(many, ReplyLimits(replyBytesMax: 5)).replies.count == 50_000)
    }

    @Test("a line without an end is refused at the limit")
    func endless() {
        let stream = "+" + String(repeating: "x", count: 200_000)
        #expect(Reading(stream, ReplyLimits(replyBytesMax: 100_000)).violation == .tooLarge)
    }

    @Test("elements are counted over all arrays of a reply, and from the start with the next one")
    func elements() {
        let limits = ReplyLimits(replyElementsMax: 4)
        let four = "*2\r\n*1\r\n:1\r\n*1\r\n:2\r\n"
        let five = "*2\r\n*2\r\n:1\r\n:2\r\n*1\r\n:3\r\n"
        #expect(Reading(four + four, limits).violation == nil)
        #expect(Reading(four + four, limits).replies.count == 2)
        #expect(Reading(four + five, limits).violation == .tooManyElements)
        #expect(Reading(four + five, limits).replies.count == 1)
    }

    @Test("a reader stops when it is told to")
    func stopping() {
        let reader = ReplyReader(ReplyLimits())
        var seen = 0
        let violation = reader.feed(Array("+a\r\n+b\r\n+c\r\n".utf8).span) { _ in
            seen += 1
            return seen < 2
        }
        #expect(seen == 2)
        #expect(violation == nil)
    }

    @Test("error codes", arguments: ServerError.Kind.allCases)
    func codes(kind: ServerError.Kind) {
        let error = ServerError("\(kind.rawValue) some words")
        #expect(error.kind == kind)
        #expect(ServerError("x\(kind.rawValue) words").kind == .other)
    }
}

extension Reading {
    /// Nothing but the refusal.
    fileprivate init(_ text: String, tooLarge: Void) {
        self.init(text)
        violation = .tooLarge
    }
}

@Suite("Replies from anybody")
struct ReplyFuzzTests {
    private let limits = ReplyLimits(
        replyBytesMax: 300, replyElementsMax: 20, replyDepthMax: 4)

    /// Bytes that the protocol is made of, and a few others.
    private func noise(_ seeded: inout Seeded, _ count: Int) -> [UInt8] {
        let alphabet = Array("+-:$*>%_01234567899\r\n\r\nOKx\0".utf8) + [0xff, 0x80]
        return (0..<count).map { _ in alphabet.randomElement(using: &seeded) ?? 0 }
    }

    private func valid(_ seeded: inout Seeded, depth: Int = 0) -> [UInt8] {
        switch Int.random(in: 0..<(depth < 3 ? 6 : 5), using: &seeded) {
        case 0: return Array("+OK\r\n".utf8)
        case 1: return Array("-ERR \(Int.random(in: 0...9, using: &seeded))\r\n".utf8)
        case 2: return Array(":\(Int64.random(in: .min ... .max, using: &seeded))\r\n".utf8)
        case 3: return Array("$-1\r\n".utf8)
        case 4:
            let body = noise(&seeded, Int.random(in: 0...40, using: &seeded))
            return Array("$\(body.count)\r\n".utf8) + body + [13, 10]
        default:
            let count = Int.random(in: 0...4, using: &seeded)
            let elements = (0..<count).flatMap { _ in valid(&seeded, depth: depth + 1) }
            return Array("*\(count)\r\n".utf8) + elements
        }
    }

    /// However it is cut, a stream has the same replies, and is refused or not.
    private func agree(_ stream: [UInt8], _ seeded: inout Seeded) {
        let whole = Reading(stream, limits)
        let single = Reading(stream, cuts: Array(0..<stream.count), limits)
        #expect(single.replies == whole.replies, "\(stream)")
        #expect((single.violation == nil) == (whole.violation == nil), "\(stream)")
        let cuts = (0..<5).map { _ in Int.random(in: 0...stream.count, using: &seeded) }.sorted()
        let some = Reading(stream, cuts: cuts, limits)
        #expect(some.replies == whole.replies, "\(stream) at \(cuts)")
        #expect((some.violation == nil) == (whole.violation == nil), "\(stream) at \(cuts)")
    }

    @Test("bytes without sense neither trap nor depend on how they are cut", arguments: 0..<20)
    func senseless(seed: UInt64) {
        var seeded = Seeded(seed: seed)
        for _ in 0..<200 { agree(noise(&seeded, Int.random(in: 0...120, using: &seeded)), &seeded) }
    }

    @Test("replies with a few wrong bytes, the same", arguments: 0..<20)
    func damaged(seed: UInt64) {
        var seeded = Seeded(seed: seed &+ 1000)
        for _ in 0..<100 {
            var stream = (0..<3).flatMap { _ in valid(&seeded) }
            let flips = Int.random(in: 0...2, using: &seeded)
            for _ in 0..<flips where !stream.isEmpty {
                let index = Int.random(in: 0..<stream.count, using: &seeded)
                stream[index] = noise(&seeded, 1)[0]
            }
            agree(stream, &seeded)
        }
    }

    @Test("replies without a wrong byte are all there", arguments: 0..<10)
    func sound(seed: UInt64) {
        var seeded = Seeded(seed: seed &+ 2000)
        let roomy = ReplyLimits()
        for _ in 0..<100 {
            let stream = (0..<4).flatMap { _ in valid(&seeded) }
            let reading = Reading(stream, roomy)
            #expect(reading.replies.count == 4 && reading.violation == nil)
        }
    }
}
