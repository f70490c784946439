# Cross build for 64-bit ARM on Debian (g++-12-aarch64-linux-gnu); its tests run under qemu-user-static. Linked
# statically, so that qemu needs no library of the target.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc-12)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++-12)
set(CMAKE_EXE_LINKER_FLAGS_INIT -static)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# "max": dotprod and i8mm, so that the tests run every NEON kernel.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -cpu max)
