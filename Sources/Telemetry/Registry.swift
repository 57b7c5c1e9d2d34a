internal import Locking

/// All cells of the process. Shards add to it, the admin listener renders it.
///
/// The lock is held for creating children and for taking the list of them at a scrape, never for
/// counting and never while a page is written.
public final class Registry: Sendable {
    /// A source of values that are read at the scrape instead of being kept in cells.
    public typealias Collector = @Sendable (inout SampleSink) -> Void

    private struct State {
        var children: ChildTable
        var collectors: [Collector] = []
        var shards = 0
    }

    private let state: Locked<State>

    /// A registry of `families`, which are those of the catalogue outside of tests.
    public init(
        limits: CardinalityLimits = CardinalityLimits(), families: [Family] = Catalogue.all
    ) {
        state = Locked(State(children: ChildTable(families, limits: limits)))
    }

    /// A new set of cells for one thread, which alone may write them.
    public func makeShard() -> sending Shard {
        let number = state.withLock { state in
            state.shards += 1
            return state.shards
        }
        return Shard(registry: self, number: number)
    }

    /// Adds a source of values read at each scrape, on the thread that renders. It is called
    /// without a lock held. Values with equal labels are added to each other and to the cells.
    public func register(collector: @escaping Collector) {
        state.withLock { $0.collectors.append(collector) }
    }

    /// The number of samples of the children in existence; collectors not counted.
    public var seriesCount: Int {
        state.withLock { $0.children.families.reduce(0) { $0 + $1.samples } }
    }

    /// Replaces the contents of `page` by all samples in `format`, keeping its capacity. The number
    /// of samples is returned.
    @discardableResult
    public func render(format: ExpositionFormat, into page: inout [UInt8]) -> Int {
        var sink = SampleSink()
        for collect in state.withLock({ $0.collectors }) { collect(&sink) }
        let samples = sink.samples
        let families = state.withLock { state in
            state.children.snapshot(with: samples)
        }
        page.removeAll(keepingCapacity: true)
        var writer = PageWriter(format: format)
        for family in families { writer.write(family, to: &page) }
        writer.finish(&page)
        return writer.samples
    }

    /// Creates, at 0, the counters and states that are known before their first event, so that
    /// `rate()` sees that event: all words of closed vocabularies, alone and for each of
    /// `upstreams`, and the usual codes for each of `routes`.
    public func createKnown(routes: [String] = [], upstreams: [String] = []) {
        state.withLock { $0.children.createKnown(routes: routes, upstreams: upstreams) }
    }

    /// The cell of `shard` for these labels; made by `make` unless it exists.
    func cell(
        _ family: Family, _ values: [String], shard: Int, make: (Family) -> Cell
    ) -> Cell {
        state.withLock { state in
            state.children.cell(family, values, shard: shard, make: make)
        }
    }
}

/// Takes the values of a collector.
public struct SampleSink {
    struct Sample {
        let family: Family
        let labels: [String]
        let value: Double
    }

    private(set) var samples: [Sample] = []

    /// Gives the value of a counter or gauge, in seconds where that is its unit. A value that is
    /// not finite is left out.
    public mutating func set(_ family: Family, _ labels: [String] = [], to value: Double) {
        precondition(family.kind != .histogram, "\(family.name) is a histogram")
        guard value.isFinite else { return }
        samples.append(Sample(family: family, labels: labels, value: value))
    }
}
