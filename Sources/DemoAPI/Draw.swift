/// Numbers that depend on nothing but an id: the same id gives the same data in every process.
/// SplitMix64 (Steele, Lea, Flood 2014).
struct Draw {
    private var state: UInt64

    /// The numbers of `id`; `salt` separates the kinds of resources.
    init(_ id: UInt64, salt: UInt64) { state = id &* 0x9e37_79b9_7f4a_7c15 ^ salt }

    private mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    /// A number from `range`, which is far smaller than 2^64: its slight bias does not matter here.
    mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(next() % UInt64(range.count))
    }

    /// One of `words`, of which there must be some.
    mutating func word(_ words: [String]) -> String { words[number(0...words.count - 1)] }
}
