//go:build cgo && linux

package alsa

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>

typedef void handler(const char *file, int line, const char *function, int err, const char *format, ...);

static void ignore(const char *file, int line, const char *function, int err, const char *format, ...) {}

static void quiet(void) {
	void *lib = dlopen("libasound.so.2", RTLD_NOW);
	if (lib == NULL) return;
	int (*set)(handler *) = (int (*)(handler *))dlsym(lib, "snd_lib_error_set_handler");
	if (set != NULL) set(ignore);
}
*/
import "C"

// quiet keeps libasound from writing to stderr, where it puts a dozen lines
// for each device that is missing. What matters comes back as an error.
func quiet() { C.quiet() }
