internal import Synchronization

/// A trace id and the value that was observed with it.
struct Exemplar: Equatable {
    var traceID: TraceID
    var value: UInt64
}

/// The sums of some histograms with equal labels, each taken at one moment.
struct HistogramSnapshot {
    /// Observations per bucket, not cumulative; those behind the last bound are `+Inf` together.
    var counts: [17 of UInt64] = .init(repeating: 0)
    /// Sum of the observed values.
    var sum: UInt64 = 0
    /// The exemplar of each bucket.
    var exemplars: [17 of Exemplar?] = .init(repeating: nil)

    /// Looks at `histogram` until nothing was written meanwhile, then adds what was seen.
    ///
    /// Gives up after a bounded number of looks: a writer that was stopped inside would be waited
    /// for otherwise. Counts and sum then differ by the observations made meanwhile, still never
    /// fall, and the exemplars of this histogram are left out.
    mutating func add(_ histogram: Histogram, exemplars wanted: Bool) {
        let looksMax = 1000
        var seen = HistogramSnapshot()
        for _ in 0..<looksMax {
            let before = histogram.sequence.load(ordering: .acquiring)
            seen.read(histogram, exemplars: wanted)
            let after = histogram.sequence.load(ordering: .relaxed)
            if before == after, before.isMultiple(of: 2) {
                merge(seen)
                return
            }
        }
        seen.exemplars = .init(repeating: nil)
        merge(seen)
    }

    private mutating func read(_ histogram: Histogram, exemplars wanted: Bool) {
        for index in counts.indices {
            counts[index] = histogram.counts[index].load(ordering: .acquiring)
        }
        sum = histogram.sum.load(ordering: .acquiring)
        guard wanted, let slots = histogram.slots else { return }
        for index in exemplars.indices {
            let traceID = TraceID(
                high: slots.high[index].load(ordering: .acquiring),
                low: slots.low[index].load(ordering: .acquiring))
            let value = slots.value[index].load(ordering: .acquiring)
            exemplars[index] = traceID.isZero ? nil : Exemplar(traceID: traceID, value: value)
        }
    }

    private mutating func merge(_ other: HistogramSnapshot) {
        for index in counts.indices {
            counts[index] &+= other.counts[index]
            exemplars[index] = other.exemplars[index] ?? exemplars[index]
        }
        let (total, overflow) = sum.addingReportingOverflow(other.sum)
        sum = overflow ? .max : total
    }
}
