/// The storage of one sample set in one shard.
enum Cell {
    case counter(Counter)
    case gauge(Gauge)
    case histogram(Histogram)
    /// A value given by a collector; only in the copy that is rendered.
    case collected(Double)
}

/// One label set of a family and its cells, at most one for each shard.
struct Child {
    let labels: [UInt8]
    var cells: [(shard: Int, cell: Cell)] = []
}

/// A family and its children, sorted by their label bytes.
struct FamilyTable {
    let family: Family
    let texts: FamilyTexts
    var children: [Child] = []

    /// The number of samples these children make on a page.
    var samples: Int {
        guard let buckets = family.buckets else { return children.count }
        return children.count * (buckets.bounds.count + 3)
    }

    /// Where the child with these label bytes is, or would have to be inserted.
    func position(of labels: [UInt8]) -> (index: Int, found: Bool) {
        var low = 0
        var high = children.count
        while low < high {
            let middle = (low + high) / 2
            if children[middle].labels.lexicographicallyPrecedes(labels) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return (low, low < children.count && children[low].labels == labels)
    }

    /// The index of the child with these label bytes, which is made if it is not there.
    mutating func insert(_ labels: [UInt8]) -> Int {
        let (index, found) = position(of: labels)
        if !found { children.insert(Child(labels: labels), at: index) }
        return index
    }
}

/// All children of all families, and the guard of their number.
struct ChildTable {
    private(set) var families: [FamilyTable]
    private let indices: [String: Int]
    private let limits: CardinalityLimits
    private var admitted: [LabelName: Set<String>] = [:]

    init(_ families: [Family], limits: CardinalityLimits) {
        let sorted = families.sorted { $0.name < $1.name }
        self.families = sorted.map { FamilyTable(family: $0, texts: FamilyTexts($0)) }
        self.limits = limits
        var indices: [String: Int] = [:]
        for (index, family) in sorted.enumerated() {
            let previous = indices.updateValue(index, forKey: family.name)
            precondition(previous == nil, "\(family.name) is in the catalogue twice")
        }
        self.indices = indices
    }

    /// The cell of `shard` for these label values; made by `make` unless it exists.
    mutating func cell(
        _ family: Family, _ values: [String], shard: Int, make: (Family) -> Cell
    ) -> Cell {
        let index = index(of: family)
        let child = child(index, values)
        let cells = families[index].children[child].cells
        if let present = cells.first(where: { $0.shard == shard }) { return present.cell }
        let cell = make(families[index].family)
        families[index].children[child].cells.append((shard, cell))
        return cell
    }

    /// A copy of all families, with the values of collectors among their cells.
    mutating func snapshot(with samples: [SampleSink.Sample]) -> [FamilyTable] {
        let folded = samples.map { sample in
            let index = index(of: sample.family)
            return (index: index, labels: bytes(index, sample.labels), value: sample.value)
        }
        var copy = families
        for sample in folded {
            let child = copy[sample.index].insert(sample.labels)
            copy[sample.index].children[child].cells.append((0, .collected(sample.value)))
        }
        return copy
    }

    /// Creates the child of these values without a cell: it reads 0.
    mutating func create(_ family: Family, _ values: [String]) {
        guard indices[family.name] != nil else { return }
        _ = child(index(of: family), values)
    }

    private func index(of family: Family) -> Int {
        guard let index = indices[family.name] else {
            preconditionFailure("\(family.name) is not in the catalogue")
        }
        return index
    }

    private mutating func child(_ index: Int, _ values: [String]) -> Int {
        let labels = bytes(index, values)
        return families[index].insert(labels)
    }

    /// The label bytes of `values` after cleaning and folding.
    private mutating func bytes(_ index: Int, _ values: [String]) -> [UInt8] {
        let family = families[index].family
        precondition(
            values.count == family.labels.count,
            "\(family.name) has \(family.labels.count) labels, \(values.count) given")
        let folded = zip(family.labels, values).map { admit($0, cleanLabelValue($1)) }
        let labels = labelBytes(family.labels, folded)
        guard families[index].children.count >= limits.childrenPerFamilyMax,
            !families[index].position(of: labels).found,
            let open = family.labels.first(where: { $0.values.isEmpty })
        else { return labels }
        countOverflow(of: open.name)
        let rest = zip(family.labels, folded).map { $0.values.isEmpty ? Label.other : $1 }
        return labelBytes(family.labels, rest)
    }

    /// `value`, or `_other` if the label may not have it.
    private mutating func admit(_ label: Label, _ value: String) -> String {
        if value == Label.other { return value }
        if label.name == .code { return isStatusCode(value) ? value : Label.other }
        if !label.values.isEmpty {
            if label.values.contains(value) { return value }
        } else {
            var known = admitted[label.name, default: []]
            if known.contains(value) { return value }
            if known.count < limits.valuesMax(of: label.name) {
                known.insert(value)
                admitted[label.name] = known
                return value
            }
        }
        countOverflow(of: label.name)
        return Label.other
    }

    // The table is the only writer of these cells, under the registry's lock; shards start at 1.
    private mutating func countOverflow(of label: LabelName) {
        let family = Catalogue.metricsLabelOverflow
        guard indices[family.name] != nil else { return }
        let counted = cell(family, [label.rawValue], shard: 0) { _ in .counter(Counter()) }
        if case .counter(let counter) = counted { counter.add() }
    }
}
