// HINOKO_ISA names the instruction set that a source file is compiled for. Whatever the kernels share with
// the rest (formulas, rows) lives in an inline namespace of that name: otherwise the linker could keep the
// copy of a function that uses instructions which the machine lacks.
#pragma once

#ifndef HINOKO_ISA
#define HINOKO_ISA portable
#endif
