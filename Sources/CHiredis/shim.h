// Only the codec of hiredis is used (formatting commands, reading replies): its sockets block in
// getaddrinfo and know no deadlines (docs/decisions/).
#include <hiredis/hiredis.h>
