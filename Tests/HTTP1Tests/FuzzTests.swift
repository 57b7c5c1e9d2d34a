import Foundation
import HTTP1
import Testing

/// A small generator with a seed, so that every failure can be had again.
struct XorShift: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed | 1 }

    mutating func next() -> UInt64 {
        state ^= state &<< 13
        state ^= state &>> 7
        state ^= state &<< 17
        return state &* 0x2545_F491_4F6C_DD1D
    }

    /// 0 to `bound` − 1; `bound` is at least 1.
    mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: (next() &>> 33) % UInt64(bound))
    }
}

/// Makes inputs from the tables: bytes replaced, inserted, removed, repeated, and tails exchanged.
struct Mutator {
    private static let spice: [[UInt8]] =
        [
            "\r", "\n", "\r\n", "\r\n\r\n", " ", "\t", "\0", ":", ",", ";", "\"", "\\", "0", "5",
            "f",
            "HTTP/1.1", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Host: a\r\n",
            "Connection: close\r\n", "chunked", "[", "]", "@", "%", "?", "/", "*", "\u{b}", "#",
        ].map { Array($0.utf8) } + [[0x7F], [0x80], [0xFF]]

    private let corpus: [[UInt8]]
    private(set) var input: [UInt8] = []

    init(_ cases: [MessageCase]) { corpus = cases.map(\.bytes).filter { $0.count < 600 } }

    mutating func make(_ random: inout XorShift) {
        input.removeAll(keepingCapacity: true)
        input.append(contentsOf: corpus[random.below(corpus.count)])
        for _ in 0..<(1 + random.below(4)) { mutate(&random) }
    }

    private mutating func mutate(_ random: inout XorShift) {
        let at = random.below(input.count + 1)
        switch random.below(6) {
        case 0 where at < input.count:
            input[at] = UInt8(truncatingIfNeeded: random.next())
        case 1 where at < input.count:
            input[at] ^= 1 &<< UInt8(random.below(8))
        case 2:
            input.insert(contentsOf: Self.spice[random.below(Self.spice.count)], at: at)
        case 3:
            input.removeSubrange(at..<min(input.count, at + 1 + random.below(6)))
        case 4 where input.count < 2000:
            let piece = input[at..<min(input.count, at + random.below(40))]
            input.insert(contentsOf: piece, at: at)
        default:
            let other = corpus[random.below(corpus.count)]
            input.removeSubrange(at...)
            input.append(contentsOf: other[random.below(other.count + 1)...])
        }
    }
}

/// Mutated messages, whole and in random pieces: never a trap, and always the same result. How many
/// is `MELIPROXY_FUZZ_INPUTS`, the seed `MELIPROXY_FUZZ_SEED`.
@Suite("Fuzz")
struct FuzzTests {
    private static func setting(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    private static let inputs = Int(setting("MELIPROXY_FUZZ_INPUTS") ?? 200_000)
    private static let seed = setting("MELIPROXY_FUZZ_SEED") ?? 0x6D65_6C69

    @Test("request heads")
    func requests() {
        var random = XorShift(seed: Self.seed)
        var mutator = Mutator(requestLineCases + requestFieldCases)
        let whole = RequestHead()
        let split = RequestHead()
        var parser = RequestParser()
        for count in 0..<(Self.inputs / 2) {
            mutator.make(&random)
            let input = mutator.input
            let expected = parser.parse(input.span, into: whole)
            parser.reset()
            var result = ParseResult.needMore
            var stop = 0
            while result == .needMore, stop < input.count {
                stop = min(input.count, stop + 1 + random.below(1 + random.below(40)))
                result = parser.parse(input.span.extracting(0..<stop), into: split)
            }
            parser.reset()
            guard result == expected, Self.isSound(result, input, whole, split) else {
                Issue.record("seed \(Self.seed), request \(count): \(input)")
                return
            }
        }
    }

    @Test("response heads")
    func responses() {
        var random = XorShift(seed: Self.seed &+ 2)
        var mutator = Mutator(responseCases)
        let whole = ResponseHead()
        let split = ResponseHead()
        var parser = ResponseParser()
        for count in 0..<(Self.inputs / 4) {
            mutator.make(&random)
            let input = mutator.input
            let method: Method = random.below(4) == 0 ? .head : .get
            let expected = parser.parse(input.span, requestMethod: method, into: whole)
            parser.reset()
            var result = ParseResult.needMore
            var stop = 0
            while result == .needMore, stop < input.count {
                stop = min(input.count, stop + 1 + random.below(1 + random.below(40)))
                result = parser.parse(
                    input.span.extracting(0..<stop), requestMethod: method, into: split)
            }
            parser.reset()
            guard result == expected, Self.isSound(result, input, whole, split),
                expected == .needMore
                    || whole.status == split.status && whole.body == split.body
                        && whole.isPersistent == split.isPersistent
            else {
                Issue.record("seed \(Self.seed), response \(count): \(input)")
                return
            }
        }
    }

    @Test("chunked bodies")
    func chunks() {
        var random = XorShift(seed: Self.seed &+ 4)
        var mutator = Mutator(chunkCases)
        for count in 0..<(Self.inputs / 4) {
            mutator.make(&random)
            let input = mutator.input
            var once = Decoding()
            once.feed(input, 0, input.count)
            var often = Decoding()
            var stop = 0
            while stop < input.count {
                let start = stop
                stop = min(input.count, stop + 1 + random.below(1 + random.below(12)))
                often.feed(input, start, stop)
            }
            guard once.isSound, often.isSound, once.content == often.content,
                once.rejection == often.rejection, once.consumed == often.consumed,
                once.ended == often.ended
            else {
                Issue.record("seed \(Self.seed), body \(count): \(input)")
                return
            }
        }
    }

    private static func isSound(
        _ result: ParseResult, _ input: [UInt8], _ whole: RequestHead, _ split: RequestHead
    ) -> Bool {
        guard case .complete = result else { return true }
        return hasSoundBytes(result, input, whole, split)
            && whole.method == split.method && whole.target == split.target
            && whole.path == split.path && whole.query == split.query
            && whole.authority == split.authority && whole.body == split.body
            && whole.isPersistent == split.isPersistent
            && whole.expectsContinue == split.expectsContinue
            && whole.maxForwards == split.maxForwards && whole.scheme == split.scheme
            && whole.target.upperBound <= whole.bytes.count
            && (whole.version == .http10 || whole.authority != nil)
    }

    private static func isSound(
        _ result: ParseResult, _ input: [UInt8], _ whole: ResponseHead, _ split: ResponseHead
    ) -> Bool {
        hasSoundBytes(result, input, whole, split)
    }

    /// Equal bytes and fields, names without blanks, values without line ends, all inside the head.
    private static func hasSoundBytes(
        _ result: ParseResult, _ input: [UInt8], _ whole: some MessageHead,
        _ split: some MessageHead
    ) -> Bool {
        guard case .complete(let consumed) = result else { return true }
        guard consumed <= input.count, whole.bytes.count == consumed, whole.bytes == split.bytes,
            whole.fields == split.fields, whole.seen == split.seen
        else { return false }
        let bytes = whole.bytes
        for field in whole.fields {
            guard field.name.count > 0, field.value.count >= 0,
                field.value.upperBound <= bytes.count,
                !bytes[field.name.indices].contains(where: { $0 <= 0x20 || $0 == 0x3A }),
                !bytes[field.value.indices].contains(where: { $0 < 0x20 && $0 != 9 })
            else { return false }
        }
        return true
    }
}

/// The state of one body that is being decoded.
private struct Decoding {
    var decoder = ChunkedDecoder()
    var content: [UInt8] = []
    var rejection: Rejection?
    var consumed = 0
    var ended = false
    var isSound = true

    /// Feeds the bytes from `start` up to `stop`.
    mutating func feed(_ input: [UInt8], _ start: Int, _ stop: Int) {
        var at = start
        while isSound, !ended, rejection == nil {
            switch decoder.next(input.span.extracting(at..<stop)) {
            case .needMore(let taken):
                isSound = taken == stop - at
                consumed += taken
                return
            case .data(let taken, let range):
                isSound = taken >= range.upperBound && at + taken <= stop && !range.isEmpty
                if isSound { content += input[(at + range.lowerBound)..<(at + range.upperBound)] }
                consumed += taken
                at += taken
            case .end(let taken):
                isSound = at + taken <= stop
                consumed += taken
                ended = true
            case .reject(let reason):
                // Where in its input a refusal was found is not told: the count may differ.
                consumed = 0
                rejection = reason
            }
        }
    }
}
