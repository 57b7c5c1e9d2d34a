/// How many values a label may have before further ones are folded into `_other`.
public struct CardinalityLimits: Sendable {
    /// Routes.
    public var routesMax = 64
    /// Upstreams.
    public var upstreamsMax = 16
    /// Worker threads.
    public var workersMax = 256
    /// Rules of `limits`.
    public var rulesMax = 256
    /// Each other open label; status codes are bounded by being 100 to 599.
    public var othersMax = 32
    /// Label sets of one family; beyond it the open labels of further ones are folded together.
    public var childrenPerFamilyMax = 2048

    /// The default limits.
    public init() {}

    func valuesMax(of label: LabelName) -> Int {
        switch label {
        case .route: routesMax
        case .upstream: upstreamsMax
        case .worker: workersMax
        case .rule: rulesMax
        case .code: .max
        default: othersMax
        }
    }
}
