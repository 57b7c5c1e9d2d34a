import Store

/// Hits after the warm-up among the requests that are not a crawler's, in percent of the requests; and in
/// percent of the bytes, if answers differ in size.
func hitRatio<P: Policy & ~Copyable>(
    _ policy: P.Type, _ trace: Trace, _ sizes: Sizes, bytesMax: Int, charges: [Int]
) -> String {
    var cache = P(bytesMax: bytesMax, charges: charges)
    var (seen, asked, askedBytes, hits, hitBytes) = (0, 0, 0, 0, 0)
    for number in trace.numbers {
        let isHit = cache.request(Int(number))
        guard number < Trace.keys else { continue }
        seen += 1
        guard seen > Trace.warmUp else { continue }
        asked += 1
        askedBytes += charges[Int(number)]
        guard isHit else { continue }
        hits += 1
        hitBytes += charges[Int(number)]
    }
    let requests = rounded(100 * Double(hits) / Double(asked), 1)
    let bytes = rounded(100 * Double(hitBytes) / Double(askedBytes), 1)
    return sizes == .equal ? requests : "\(requests) · \(bytes)"
}

func compare(_ traffic: Traffic) {
    print("\n### \(traffic.rawValue)\n")
    print("| sizes | Zipf | cache | S3-FIFO | W-TinyLFU | LRU | FIFO |")
    print("|---|---|---|---|---|---|---|")
    for sizes in Sizes.allCases {
        let charges = sizes.bytes(seed: 1).map { $0 + S3FIFO.overheadBytes }
        let footprint = charges[..<Trace.keys].reduce(0, +)
        for exponent in [0.8, 1.0, 1.2] {
            let trace = Trace(exponent: exponent, traffic: traffic, seed: 2)
            for percent in [1, 5, 10] {
                let bytesMax = footprint / 100 * percent
                let ratios = [
                    hitRatio(S3FIFO.self, trace, sizes, bytesMax: bytesMax, charges: charges),
                    hitRatio(TinyLFU.self, trace, sizes, bytesMax: bytesMax, charges: charges),
                    hitRatio(LRU.self, trace, sizes, bytesMax: bytesMax, charges: charges),
                    hitRatio(FIFO.self, trace, sizes, bytesMax: bytesMax, charges: charges),
                ]
                let row = [sizes.rawValue, rounded(exponent, 1), "\(percent) %"] + ratios
                print("| " + row.joined(separator: " | ") + " |")
            }
        }
    }
}

switch CommandLine.arguments.dropFirst().first {
case nil: for traffic in Traffic.allCases { compare(traffic) }
case "timing": Timing.report()
default: print("usage: hitratio [timing]")
}
