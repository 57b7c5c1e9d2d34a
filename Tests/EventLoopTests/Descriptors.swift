import Glibc

/// Runs `body` while the process may open no more descriptors than it has. For exit tests: the limit
/// is the whole process's.
func withoutDescriptors(_ body: () throws -> Void) throws { try withDescriptors(0, body) }

/// The same, with that number of descriptors that may be opened.
func withDescriptors(_ left: Int32, _ body: () throws -> Void) throws {
    let next = unsafe open("/dev/null", O_RDONLY)
    close(next)
    try withDescriptorLimit(next + left, body)
}

/// Runs `body` while the lowest number that is no descriptor is `limit`.
func withDescriptorLimit(_ limit: Int32, _ body: () throws -> Void) throws {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var before = rlimit()
    unsafe getrlimit(resource, &before)
    var lower = rlimit(rlim_cur: rlim_t(limit), rlim_max: before.rlim_max)
    unsafe setrlimit(resource, &lower)
    defer { unsafe setrlimit(resource, &before) }
    try body()
}
