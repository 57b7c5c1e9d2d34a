extension Catalogue {
    static let instance = [
        workerBusy, workerLoopLag, logMessages, logDropped, configLastReloadSuccessful,
        configLastReloadTimestamp, buildInfo, ready, draining, metricsSeries,
        metricsRenderDuration, metricsLabelOverflow, adminRequests,
    ]

    /// Busy time of the event loops.
    public static let workerBusy = Family.counter(
        "meliproxy_worker_busy_seconds_total", "Time a worker's event loop was not waiting.",
        [.open(.worker)], unit: .seconds)

    /// Lateness of the event loops.
    public static let workerLoopLag = Family.histogram(
        "meliproxy_worker_loop_lag_seconds",
        "How late a worker's event loop came to a timer that was due.", buckets: .duration)

    /// Log lines.
    public static let logMessages = Family.counter(
        "meliproxy_log_messages_total", "Log lines, by severity.",
        [.words(.level, LogLevel.self)])

    /// Lost log lines.
    public static let logDropped = Family.counter(
        "meliproxy_log_dropped_total", "Log lines dropped because the sink was too slow or failed.")

    /// Result of the last reload.
    public static let configLastReloadSuccessful = Family.gauge(
        "meliproxy_config_last_reload_successful",
        "Whether the configuration was accepted when last loaded (1) or not (0).")

    /// Time of the last good reload.
    public static let configLastReloadTimestamp = Family.gauge(
        "meliproxy_config_last_reload_success_timestamp_seconds",
        "Unix time at which a configuration was last accepted.", unit: .seconds)

    /// What is running.
    public static let buildInfo = Family.gauge(
        "meliproxy_build_info", "Always 1; its labels say what is running.",
        [.open(.version), .open(.revision), .open(.swift)])

    /// Readiness.
    public static let ready = Family.gauge(
        "meliproxy_ready", "Whether the instance takes traffic (1) or not (0).")

    /// Draining.
    public static let draining = Family.gauge(
        "meliproxy_draining", "Whether the instance is stopping (1) or not (0).")

    /// Size of the page.
    public static let metricsSeries = Family.gauge(
        "meliproxy_metrics_series", "Samples on the last page of metrics.")

    /// Cost of the page.
    public static let metricsRenderDuration = Family.gauge(
        "meliproxy_metrics_render_seconds", "Time it took to write the last page of metrics.",
        unit: .seconds)

    /// Folded label values.
    public static let metricsLabelOverflow = Family.counter(
        "meliproxy_metrics_label_overflow_total",
        "Label values folded into _other since the label has as many values as allowed.",
        [Label(name: .label, values: LabelName.allCases.map(\.rawValue))])

    /// Requests to the admin listener.
    public static let adminRequests = Family.counter(
        "meliproxy_admin_requests_total", "Requests answered by the admin listener.",
        [.open(.endpoint), .open(.code)])
}

extension Catalogue {
    // The names and meanings that client libraries share, so that common dashboards find them. All
    // are read at scrape by a collector; one that cannot be read is left out, never faked.
    static let process = [
        processCPU, processOpenFds, processMaxFds, processVirtualMemory, processVirtualMemoryMax,
        processResidentMemory, processStartTime, processThreads,
    ]

    /// CPU time.
    public static let processCPU = Family.counter(
        "process_cpu_seconds_total", "User and system CPU time spent.", unit: .seconds)

    /// Open descriptors.
    public static let processOpenFds = Family.gauge(
        "process_open_fds", "Number of open file descriptors.")

    /// Limit of descriptors.
    public static let processMaxFds = Family.gauge(
        "process_max_fds", "Maximum number of open file descriptors.")

    /// Virtual memory.
    public static let processVirtualMemory = Family.gauge(
        "process_virtual_memory_bytes", "Virtual memory size.", unit: .bytes)

    /// Limit of virtual memory.
    public static let processVirtualMemoryMax = Family.gauge(
        "process_virtual_memory_max_bytes", "Maximum amount of virtual memory available.",
        unit: .bytes)

    /// Resident memory.
    public static let processResidentMemory = Family.gauge(
        "process_resident_memory_bytes", "Resident memory size.", unit: .bytes)

    /// Start of the process.
    public static let processStartTime = Family.gauge(
        "process_start_time_seconds", "Unix time at which the process started.", unit: .seconds)

    /// Threads.
    public static let processThreads = Family.gauge(
        "process_threads", "Number of threads of the process.")
}
