import Foundation

/// What the cache is asked for besides the steady traffic.
enum Traffic: String, CaseIterable {
    /// The same keys are popular all the time.
    case steady
    /// Now and then a crawler asks for 20,000 keys of its own, once each, between the other requests.
    case scans
    /// Popularity moves on: every 20,000 requests each key takes the rank of one 100 places before.
    case drift
}

/// Requests in order, as numbers of keys, and how large each key's answer is.
struct Trace {
    static let keys = 100_000
    static let requests = 600_000
    /// Keys that only crawlers ask for come after the others.
    static let allKeys = 2 * keys
    /// Requests that are not counted: the cache fills.
    static let warmUp = 200_000

    let numbers: [Int32]

    init(exponent: Double, traffic: Traffic, seed: UInt64) {
        var random = Seeded(seed: seed)
        var sums: [Double] = []
        var sum = 0.0
        for rank in 1...Self.keys {
            sum += pow(Double(rank), -exponent)
            sums.append(sum)
        }
        var numbers: [Int32] = []
        var crawled = 0
        for index in 0..<Self.requests {
            let rank = Self.first(sums, above: random.unit() * sum)
            let shift = traffic == .drift ? index / 20_000 * 100 : 0
            numbers.append(Int32((rank + shift) % Self.keys))
            // 20,000 of every 100,000 requests are accompanied by one of the crawler.
            if traffic == .scans, index % 100_000 < 20_000 {
                numbers.append(Int32(Self.keys + crawled % Self.keys))
                crawled += 1
            }
        }
        self.numbers = numbers
    }

    /// The first index whose value is above `value`.
    private static func first(_ sums: [Double], above value: Double) -> Int {
        var (low, high) = (0, sums.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if sums[middle] > value { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// How large answers are.
enum Sizes: String, CaseIterable {
    /// All 4 KiB.
    case equal = "4 KiB"
    /// Log-normal: half of them below 4 KiB, one in six above 15 KiB, none above 1 MiB.
    case logNormal = "log-normal"

    /// Bytes of each key's answer.
    func bytes(seed: UInt64) -> [Int] {
        var random = Seeded(seed: seed)
        return (0..<Trace.allKeys).map { _ in
            switch self {
            case .equal: return 4_096
            case .logNormal:
                // Box and Muller: a normally distributed number of two evenly distributed ones.
                let radius = (-2 * log(1 - random.unit())).squareRoot()
                let normal = radius * cos(2 * .pi * random.unit())
                return Int(min(max(4_096 * exp(1.3 * normal), 100), 1_048_576))
            }
        }
    }
}
