// jemalloc's settings. Debian's defaults keep freed pages for ten seconds; a flush frees half of the
// head at once.
#include <jemalloc/jemalloc.h>

extern "C" const char* malloc_conf;
const char* malloc_conf = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0,narenas:4";
