# SPDX-License-Identifier: Apache-2.0
# Language, warnings, hardening and sanitizers, in one place.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# -fPIE alone makes objects that could be linked as PIE; this makes the linker do it, with clang too.
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)

option(HC_ANALYZE "gcc -fanalyzer" OFF)
set(HC_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined")

add_compile_definitions(_DEFAULT_SOURCE _GNU_SOURCE)
add_compile_options(
	-Wall -Wextra -Werror -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wmissing-prototypes
	-Wstrict-prototypes -Wpointer-arith -Wwrite-strings -Wswitch-enum -Wvla -Wundef -Wformat=2
	-Wold-style-definition -Wmissing-declarations -Wframe-larger-than=40960
	$<$<C_COMPILER_ID:GNU>:-Wlogical-op> $<$<C_COMPILER_ID:GNU>:-Wduplicated-cond>
	$<$<C_COMPILER_ID:GNU>:-Wjump-misses-init>
	-fno-common -ffunction-sections -fdata-sections)
add_link_options(-Wl,--gc-sections -Wl,--as-needed)

# The same source gives the same bytes wherever it was unpacked.
add_compile_options($<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.>)

if(HC_SANITIZE)
	add_compile_options(-fsanitize=${HC_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
	add_link_options(-fsanitize=${HC_SANITIZE})
	# clang leaves the sanitizer's own symbols to the program, so its modules cannot be complete.
	if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
		add_link_options(-Wl,-z,defs)
	endif()
else()
	add_compile_options(
		-fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero
		$<$<CONFIG:Release,RelWithDebInfo>:-U_FORTIFY_SOURCE> $<$<CONFIG:Release,RelWithDebInfo>:-D_FORTIFY_SOURCE=3>)
	# Up to clang 15 the zero initialisation is there only for those who ask twice.
	if(CMAKE_C_COMPILER_ID STREQUAL "Clang" AND CMAKE_C_COMPILER_VERSION VERSION_LESS 16)
		add_compile_options(-enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang)
	endif()
	if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
		add_compile_options(-fcf-protection)
	endif()
	add_link_options(-Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
endif()

# gcc 12 sees leaks in arrays of pointers that are freed later, and loses sight of a local whose address
# goes into memcpy: those two are left to asan and valgrind.
if(HC_ANALYZE)
	add_compile_options(-fanalyzer -Wno-analyzer-malloc-leak -Wno-analyzer-use-of-uninitialized-value)
endif()

# Coverage feedback for libFuzzer in every library; the targets alone link its main().
if(HC_FUZZ)
	add_compile_options(-fsanitize=fuzzer-no-link)
endif()
