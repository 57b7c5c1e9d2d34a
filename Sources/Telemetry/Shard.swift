/// The cells of one thread. Not `Sendable`: it is made for a thread and stays there.
///
/// Look-ups take the registry's lock. Do them at start or when a route is first used, and keep the
/// cell; equal labels give the same cell again.
public final class Shard {
    private let registry: Registry
    private let number: Int

    init(registry: Registry, number: Int) {
        self.registry = registry
        self.number = number
    }

    /// The counter of `family` for the label values `labels`, in the family's order.
    public func counter(_ family: Family, _ labels: [String] = []) -> Counter {
        let cell = registry.cell(family, labels, shard: number) { _ in .counter(Counter()) }
        guard case .counter(let counter) = cell else { mismatch(family, "counter") }
        return counter
    }

    /// The gauge of `family` for the label values `labels`, in the family's order.
    public func gauge(_ family: Family, _ labels: [String] = []) -> Gauge {
        let cell = registry.cell(family, labels, shard: number) { _ in .gauge(Gauge()) }
        guard case .gauge(let gauge) = cell else { mismatch(family, "gauge") }
        return gauge
    }

    /// The histogram of `family` for the label values `labels`, in the family's order.
    public func histogram(_ family: Family, _ labels: [String] = []) -> Histogram {
        let cell = registry.cell(family, labels, shard: number) { family in
            guard let buckets = family.buckets else { mismatch(family, "histogram") }
            return .histogram(Histogram(buckets, keepsExemplars: family.keepsExemplars))
        }
        guard case .histogram(let histogram) = cell else { mismatch(family, "histogram") }
        return histogram
    }

    /// One counter for each word of the last label of `family`; `labels` are the values before it.
    public func counters<Words: Vocabulary>(
        _ family: Family, _ labels: [String] = [], by words: Words.Type
    ) -> CounterSet<Words> {
        CounterSet(counters: words.allCases.map { counter(family, labels + [$0.rawValue]) })
    }

    /// Histograms by the words of the last label of `family`; `labels` are the values before it.
    public func histograms<Words: Vocabulary>(
        _ family: Family, _ labels: [String] = [], by words: Words.Type
    ) -> HistogramSet<Words> {
        HistogramSet(shard: self, family: family, labels: labels)
    }
}

private func mismatch(_ family: Family, _ wanted: String) -> Never {
    preconditionFailure("\(family.name) is a \(family.kind.rawValue), not a \(wanted)")
}

/// A counter for each word of a vocabulary: `closed[.idleTimeout].add()`.
public struct CounterSet<Words: Vocabulary>: Sendable {
    @usableFromInline let counters: [Counter]

    init(counters: [Counter]) { self.counters = counters }

    /// The counter of `word`.
    @inlinable
    public subscript(word: Words) -> Counter { counters[word.index] }
}

/// A histogram for each word of a vocabulary, made when it is first used: a word that never occurs
/// does not cost some twenty samples. Belongs to the thread of its shard.
public final class HistogramSet<Words: Vocabulary> {
    @usableFromInline var histograms: [Histogram?]
    private let shard: Shard
    private let family: Family
    private let labels: [String]

    init(shard: Shard, family: Family, labels: [String]) {
        self.shard = shard
        self.family = family
        self.labels = labels
        histograms = Array(repeating: nil, count: Words.allCases.count)
    }

    /// The histogram of `word`.
    @inlinable
    public subscript(word: Words) -> Histogram { histograms[word.index] ?? create(word) }

    @usableFromInline
    func create(_ word: Words) -> Histogram {
        let histogram = shard.histogram(family, labels + [word.rawValue])
        histograms[word.index] = histogram
        return histogram
    }
}
