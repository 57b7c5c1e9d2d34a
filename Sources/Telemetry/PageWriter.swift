/// The bytes of a family that never change, made once.
struct FamilyTexts: Sendable {
    /// `# HELP` and `# TYPE` for the text format.
    let textHeader: [UInt8]
    /// `# TYPE`, `# UNIT` and `# HELP` for OpenMetrics.
    let openMetricsHeader: [UInt8]
    /// The name of a sample, or of a bucket's sample with its `{`.
    let name: [UInt8]
    /// `le="0.1"} ` for each bound and `+Inf`; empty unless a histogram.
    let bounds: [[UInt8]]
    /// The names of a histogram's last samples.
    let sum: [UInt8]
    let count: [UInt8]

    init(_ family: Family) {
        let open = family.openMetricsName
        let kind = family.kind.rawValue
        var text = Array("# HELP \(family.name) ".utf8)
        text.append(escaped: family.help, quotes: false)
        text.append(contentsOf: "\n# TYPE \(family.name) \(kind)\n".utf8)
        textHeader = text
        var openMetrics = Array("# TYPE \(open) \(kind)\n".utf8)
        if family.unit != .none {
            openMetrics.append(contentsOf: "# UNIT \(open) \(family.unit.rawValue)\n".utf8)
        }
        openMetrics.append(contentsOf: "# HELP \(open) ".utf8)
        openMetrics.append(escaped: family.help, quotes: true)
        openMetrics.append(0x0a)
        openMetricsHeader = openMetrics
        let texts = family.buckets.map { $0.texts + ["+Inf"] } ?? []
        bounds = texts.map { Array("le=\"\($0)\"} ".utf8) }
        name = Array((family.kind == .histogram ? family.name + "_bucket{" : family.name).utf8)
        sum = Array((family.name + "_sum").utf8)
        count = Array((family.name + "_count").utf8)
    }
}

/// Writes families to a page.
///
/// The native histograms and composite values of OpenMetrics 2.0 would be a third format and
/// another `writeHistogram`.
struct PageWriter {
    let format: ExpositionFormat
    private(set) var samples = 0

    init(format: ExpositionFormat) { self.format = format }

    /// A family without children is not written at all.
    mutating func write(_ table: FamilyTable, to page: inout [UInt8]) {
        let header =
            format == .text004 ? table.texts.textHeader : table.texts.openMetricsHeader
        let start = page.count
        page.append(contentsOf: header)
        let before = samples
        for child in table.children {
            if table.family.buckets != nil {
                writeHistogram(table, child, to: &page)
            } else {
                writeValue(table, child, to: &page)
            }
        }
        if samples == before { page.removeSubrange(start...) }
    }

    /// Ends the page.
    func finish(_ page: inout [UInt8]) {
        if format == .openMetrics100 { page.append(contentsOf: "# EOF\n".utf8) }
    }

    private mutating func writeValue(
        _ table: FamilyTable, _ child: Child, to page: inout [UInt8]
    ) {
        var whole: UInt64 = 0
        var real: Double?
        for (_, cell) in child.cells {
            switch cell {
            case .counter(let counter): whole &+= counter.value
            case .gauge(let gauge): real = (real ?? 0) + gauge.value
            case .collected(let value): real = (real ?? 0) + value
            case .histogram: break
            }
        }
        let isTime = table.family.unit == .seconds
        let sum = (real ?? 0) + Double(whole) / (isTime ? 1e9 : 1)
        guard sum.isFinite else { return }
        page.append(contentsOf: table.texts.name)
        page.append(labels: child.labels)
        if real != nil {
            page.append(real: sum)
        } else if isTime {
            page.append(seconds: whole)
        } else {
            page.append(decimal: whole)
        }
        page.append(0x0a)
        samples += 1
    }

    private mutating func writeHistogram(
        _ table: FamilyTable, _ child: Child, to page: inout [UInt8]
    ) {
        let withExemplars = format == .openMetrics100 && table.family.keepsExemplars
        let isTime = table.family.unit == .seconds
        var snapshot = HistogramSnapshot()
        for (_, cell) in child.cells {
            if case .histogram(let histogram) = cell {
                snapshot.add(histogram, exemplars: withExemplars)
            }
        }
        let bounds = table.texts.bounds
        var total: UInt64 = 0
        for index in bounds.indices {
            total &+= snapshot.counts[index]
            page.append(contentsOf: table.texts.name)
            if !child.labels.isEmpty {
                page.append(contentsOf: child.labels)
                page.append(0x2c)
            }
            page.append(contentsOf: bounds[index])
            page.append(decimal: total)
            if withExemplars, let exemplar = snapshot.exemplars[index] {
                page.append(exemplar: exemplar, isTime: isTime)
            }
            page.append(0x0a)
        }
        page.append(contentsOf: table.texts.sum)
        page.append(labels: child.labels)
        if isTime { page.append(seconds: snapshot.sum) } else { page.append(decimal: snapshot.sum) }
        page.append(0x0a)
        page.append(contentsOf: table.texts.count)
        page.append(labels: child.labels)
        page.append(decimal: total)
        page.append(0x0a)
        samples += bounds.count + 2
    }
}

extension [UInt8] {
    /// Appends `{labels} `, or the space alone.
    fileprivate mutating func append(labels: [UInt8]) {
        if !labels.isEmpty {
            append(0x7b)
            append(contentsOf: labels)
            append(0x7d)
        }
        append(0x20)
    }

    /// Appends ` # {trace_id="…"} value`. The time stamp is optional and left out.
    fileprivate mutating func append(exemplar: Exemplar, isTime: Bool) {
        append(contentsOf: exemplarStart)
        exemplar.traceID.appendHex(to: &self)
        append(contentsOf: exemplarEnd)
        if isTime { append(seconds: exemplar.value) } else { append(decimal: exemplar.value) }
    }
}

private let exemplarStart = Array(" # {trace_id=\"".utf8)
private let exemplarEnd = Array("\"} ".utf8)
