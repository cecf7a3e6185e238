# The kernel tables of the processor that is built for: table_sources and table_definitions. Only these files may use more than
# the portable baseline; the table whose functions are called is chosen at run time.
include(CheckCXXCompilerFlag)

set(table_sources "")
set(table_definitions "")

macro(add_table source definition) # and the compiler's options
  list(APPEND table_sources ${source})
  list(APPEND table_definitions ${definition})
  set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${ARGN}")
endmacro()

string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" processor)
if(CMAKE_OSX_ARCHITECTURES)
  set(processor "${CMAKE_OSX_ARCHITECTURES}")
endif()

set(avx2_options -mavx2 -mfma -mf16c)
set(avx512_options ${avx2_options} -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mprefer-vector-width=512)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC's own AVX-512 header starts from deliberately undefined registers and then warns about them.
  list(APPEND avx512_options -Wno-uninitialized -Wno-maybe-uninitialized)
endif()

if(processor MATCHES "^(x86_64|amd64)$" AND MSVC)
  add_table(cpu/avx2.cpp HC_WITH_X86_TABLES /arch:AVX2)
  add_table(cpu/avx512.cpp HC_WITH_X86_TABLES /arch:AVX512)
  add_table(cpu/limits_avx2.cpp HC_WITH_X86_TABLES /arch:AVX2)
  add_table(cpu/limits_avx512.cpp HC_WITH_X86_TABLES /arch:AVX512)
elseif(processor MATCHES "^(x86_64|amd64)$")
  add_table(cpu/avx2.cpp HC_WITH_X86_TABLES ${avx2_options})
  add_table(cpu/avx512.cpp HC_WITH_X86_TABLES ${avx512_options})
  # Not tables, but what the machine can do at best, in the same registers.
  add_table(cpu/limits_avx2.cpp HC_WITH_X86_TABLES ${avx2_options})
  add_table(cpu/limits_avx512.cpp HC_WITH_X86_TABLES ${avx512_options})
  check_cxx_compiler_flag(-mavxvnni has_avxvnni)
  if(has_avxvnni)
    add_table(cpu/avxvnni.cpp HC_WITH_AVXVNNI_TABLE ${avx2_options} -mavxvnni)
    add_table(cpu/limits_avxvnni.cpp HC_WITH_AVXVNNI_TABLE ${avx2_options} -mavxvnni)
    # For tests: the same lanes in the encoding of AVX-512.
    add_table(cpu/avxvnni_evex.cpp HC_WITH_EVEX_TABLE ${avx2_options} -mavx512f -mavx512vl -mavx512vnni)
  endif()
  check_cxx_compiler_flag(-mamx-int8 has_amx)
  if(has_amx)
    # It builds its table when first asked, which nothing may interrupt.
    add_table(cpu/amx.cpp HC_WITH_AMX_TABLE ${avx512_options} -mamx-tile -mamx-int8 -fno-exceptions)
  endif()
elseif(processor MATCHES "^(aarch64|arm64)$" AND NOT MSVC)
  set(neon_options -march=armv8.2-a+dotprod)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Before registers are given out GCC moves loads so far ahead that the sums of a tile end up in memory.
    list(APPEND neon_options -fno-schedule-insns)
  endif()
  add_table(cpu/neon.cpp HC_WITH_NEON_TABLE ${neon_options})
  add_table(cpu/limits_neon.cpp HC_WITH_NEON_TABLE ${neon_options})
endif()
