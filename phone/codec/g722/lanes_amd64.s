#include "go_asm.h"
#include "textflag.h"

// The predictors of both sub-bands in lanes of 16 bits; every sample of one block
// in one call. All of SSE2, which every amd64 has.
//
//	X0, X1  zero coefficients of the lower and of the upper band: b1 ... b6, 0, 0
//	X2, X3  their quantised differences d1 ... d6, two more that are multiplied by 0
//	X4      pole coefficients: a1 low, a1 high, a2 low, a2 high, the same again
//	X5      reconstructed samples, doubled: r1 low, r1 high, r2 low, r2 high
//	X6      signs of the partial reconstructions, 0 or -1, as in X4
//	X7, X8  prediction s, and sz, the part of it made by the zeros: low, high
//
// Why 16 bits are enough: a difference is at most 20456 (qm4) * 16384 (step) >> 15
// = 10228; b stays from -32768 to 32513, where the leak takes as much as a step
// gives, so (b*d)>>14 is at most 20456; a2 stays within 12288, a1 within 15360 +
// 12288, and both move by less than 1000 before they are limited; (a*r)>>15 is at
// most a. Sums of six products are made in 32 bits. All other sums are those that
// the Recommendation saturates at 16 bits, as PADDSW, PSUBSW and PACKSSLW do.
//
// A product shifted by n is made of its halves: (high << 16-n) + (low >> n), of
// which the 16 bits that are left are right since the result fits into them.

// VECTOR is a constant of eight lanes, the first one in the lowest bits of lo.
#define VECTOR(name, lo, hi) \
	DATA name<>+0(SB)/8, $lo \
	DATA name<>+8(SB)/8, $hi \
	GLOBL name<>(SB), RODATA|NOPTR, $16

VECTOR(zeroLeak, 0xff00ff00ff00ff00, 0xff00ff00ff00ff00)  // -256
VECTOR(zeroStep, 0x0080008000800080, 0x0000000000800080)  // 128, in six lanes
VECTOR(zeroFlip, 0xff00ff00ff00ff00, 0x00000000ff00ff00)  // -256, in six lanes
VECTOR(ones, 0x0001000100010001, 0x0001000100010001)
VECTOR(poleLeak, 0xfe00fe00ff00ff00, 0xfe00fe00ff00ff00)  // a1: -256, a2: -512
VECTOR(poleStep, 0x0080008000c000c0, 0x0080008000c000c0)  // a1: 192, a2: 128
VECTOR(poleMost, 0x300030007fff7fff, 0x300030007fff7fff)  // a1: no limit yet, a2: 12288
VECTOR(poleLeast, 0xd000d00080008000, 0xd000d00080008000) // a1: no limit yet, a2: -12288
VECTOR(poleSum, 0x300030003c003c00, 0x300030003c003c00)   // a1: 15360, a2: 12288
VECTOR(eitherSign, 0, 0xffffffffffffffff)                 // 0 in one half, -1 in the other
VECTOR(limitMost, 0x3fff3fff3fff3fff, 0x3fff3fff3fff3fff) // 16383
VECTOR(limitLeast, 0xc000c000c000c000, 0xc000c000c000c000) // -16384
VECTOR(highLane, 0x00000000ffff0000, 0)                   // -1 in the lane of the upper band

// SPREAD puts the first lane of V (lane 0x00) or the second (0x55) into all of W.
#define SPREAD(lane, V, W) \
	PSHUFLW $lane, V, W \
	PSHUFD  $0, W, W

// ZEROS is UPZERO and FILTEZ of one band. It moves the coefficients B and the
// differences H, of which d is the new one. All lanes of M have the sign of d,
// those of Z are -1 if d is zero, else 0. Then the 32-bit lanes of Z hold the
// products of the taps 1 and 2, 3 and 4, 5 and 6, summed.
#define ZEROS(d, B, H, M, Z) \
	PXOR    H, M              \
	PSRAW   $15, M            \
	PAND    zeroFlip<>(SB), M \
	POR     zeroStep<>(SB), M \ // -128 where d differs in sign from an older one, else 128
	PANDN   M, Z              \ // and nothing if d is zero
	MOVO    B, M              \
	PMULHW  zeroLeak<>(SB), M \
	PADDW   M, B              \ // b - ceil(b/256), which is 255*b >> 8
	PADDW   Z, B              \
	PSLLO   $2, H             \
	PINSRW  $0, d, H          \
	MOVO    B, M              \
	PMULLW  H, M              \
	PSRLW   $14, M            \
	MOVO    B, Z              \
	PMULHW  H, Z              \
	PSLLW   $2, Z             \
	PADDW   M, Z              \ // (b*d) >> 14
	PMADDWL ones<>(SB), Z

// GUESS is UPPOL2 and UPPOL1 of both bands for both signs that the next partial
// reconstruction can have, so that nothing but a choice is left to do when it is
// known. X10 holds the coefficients for sign 0 in both halves, X4 what changes in
// it for sign -1.
#define GUESS \
	MOVO   X6, X9                \
	PXOR   eitherSign<>(SB), X9  \ // -1 where the sign differs from that of the last, the last but one
	MOVO   X4, X10               \
	PSLLQ  $32, X10              \ // a1, in the lanes of a2
	PXOR   X11, X11              \
	PSUBW  X10, X11              \
	MOVO   X9, X10               \
	PSLLQ  $32, X10              \
	PXOR   X10, X11              \
	PSUBW  X10, X11              \ // a1 where the last sign differs, else -a1
	PADDSW X11, X11              \
	PADDSW X11, X11              \
	PSRAW  $7, X11               \ // >> 5, limited to 9 bits
	MOVO   X4, X10               \
	PMULHW poleLeak<>(SB), X10   \
	PADDW  X10, X4               \ // 255*a1 >> 8, 127*a2 >> 7
	MOVO   poleStep<>(SB), X10   \
	PXOR   X9, X10               \
	PSUBW  X9, X10               \
	PADDW  X10, X4               \ // -192 and -128 where signs differ, else 192 and 128
	PADDW  X11, X4               \
	PMINSW poleMost<>(SB), X4    \
	PMAXSW poleLeast<>(SB), X4   \
	MOVO   X4, X10               \
	PSRLQ  $32, X10              \ // a2, in the lanes of a1
	MOVO   poleSum<>(SB), X11    \
	PSUBW  X10, X11              \
	PMINSW X11, X4               \
	PXOR   X10, X10              \
	PSUBW  X11, X10              \
	PMAXSW X10, X4               \ // a1 within 15360 - a2
	PSHUFD $0x44, X4, X10        \
	PSHUFD $0xee, X4, X4         \
	PXOR   X10, X4

// PREDICT makes s and sz of both bands after ZEROS has left its sums in Z0 and Z1.
#define PREDICT(Z0, Z1) \
	GUESS                   \
	MOVO      X2, X9        \
	PUNPCKLWL X3, X9        \ // d
	PADDSW    X9, X7        \
	PADDSW    X7, X7        \ // RECONS: s + d, doubled
	PUNPCKLLQ X5, X7        \
	MOVO      X7, X5        \
	PADDSW    X9, X8        \
	PSRAW     $15, X8       \ // PARREC: sign of sz + d
	PSHUFD    $0, X8, X9    \
	PUNPCKLLQ X6, X8        \
	PSHUFD    $0x44, X8, X6 \
	PAND      X9, X4        \
	PXOR      X10, X4       \ // the coefficients for that sign
	MOVO      X4, X10       \
	PMULLW    X5, X10       \
	PSRLW     $15, X10      \
	MOVO      X4, X11       \
	PMULHW    X5, X11       \
	PADDW     X11, X11      \
	PADDW     X10, X11      \ // (a*r) >> 15
	MOVO      X11, X10      \
	PSRLQ     $32, X10      \
	PADDSW    X10, X11      \ // FILTEP
	MOVO      Z0, X8        \
	PUNPCKLLQ Z1, X8        \
	PUNPCKHLQ Z1, Z0        \
	PSHUFD    $0xee, X8, X9 \
	PADDL     X9, X8        \
	PADDL     Z0, X8        \
	PACKSSLW  X8, X8        \ // FILTEZ
	MOVO      X8, X7        \
	PADDSW    X11, X7       // PREDIC

// ADAPT moves the logarithm nb of a step size by w: LOGSCL, LOGSCH.
#define ADAPT(w, top, nb, T) \
	IMULL   $127, nb \
	SARL    $7, nb   \
	ADDL    w, nb    \
	XORL    T, T     \
	TESTL   nb, nb   \
	CMOVLLT T, nb    \
	MOVL    $top, T  \
	CMPL    nb, T    \
	CMOVLGT T, nb

#define LOAD \
	MOVQ  p+0(FP), AX         \
	MOVOU lanes_bLow(AX), X0  \
	MOVOU lanes_bHigh(AX), X1 \
	MOVOU lanes_dLow(AX), X2  \
	MOVOU lanes_dHigh(AX), X3 \
	MOVOU lanes_a(AX), X4     \
	MOVOU lanes_r(AX), X5     \
	MOVOU lanes_p(AX), X6     \
	MOVOU lanes_s(AX), X7     \
	MOVOU lanes_sz(AX), X8

#define STORE \
	MOVQ  p+0(FP), AX         \
	MOVOU X0, lanes_bLow(AX)  \
	MOVOU X1, lanes_bHigh(AX) \
	MOVOU X2, lanes_dLow(AX)  \
	MOVOU X3, lanes_dHigh(AX) \
	MOVOU X4, lanes_a(AX)     \
	MOVOU X5, lanes_r(AX)     \
	MOVOU X6, lanes_p(AX)     \
	MOVOU X7, lanes_s(AX)     \
	MOVOU X8, lanes_sz(AX)

// func decodeLanes(p *lanes, dst *int16, src *differences, n int)
TEXT ·decodeLanes(SB), NOSPLIT, $0-32
	MOVQ dst+8(FP), DI
	MOVQ src+16(FP), SI
	MOVQ n+24(FP), CX
	LOAD
	PXOR X15, X15

decode:
	// LIMIT, then low + high and low - high
	MOVQ    (SI), X9
	PSHUFD  $0x55, X9, X14
	PADDSW  X7, X14
	PMINSW  limitMost<>(SB), X14
	PMAXSW  limitLeast<>(SB), X14
	PSHUFLW $0x00, X14, X13
	PSHUFLW $0x55, X14, X14
	PXOR    highLane<>(SB), X14
	PSUBW   highLane<>(SB), X14
	PADDW   X13, X14
	MOVL    X14, (DI)

	SPREAD(0x00, X9, X10)
	SPREAD(0x55, X9, X11)
	MOVO    X10, X12
	PCMPEQW X15, X12
	MOVO    X11, X13
	PCMPEQW X15, X13
	ZEROS(differences_low(SI), X0, X2, X10, X12)
	ZEROS(differences_high(SI), X1, X3, X11, X13)
	PREDICT(X12, X13)
	ADDQ    $differences__size, SI
	ADDQ    $4, DI
	DECQ    CX
	JNE     decode
	STORE
	RET

// func encodeLanes(p *lanes, t *tables, nb *logs, dst *byte, src *frame, n int)
//
//	R8       the tables                      R11, R12  differences of lower and upper band
//	R9, R10  logarithms of the step sizes    R13       the octet
//	R14      how many are left
TEXT ·encodeLanes(SB), NOSPLIT, $0-48
	MOVQ t+8(FP), R8
	MOVQ nb+16(FP), DX
	MOVQ logs_low(DX), R9
	MOVQ logs_high(DX), R10
	MOVQ dst+24(FP), DI
	MOVQ src+32(FP), SI
	MOVQ n+40(FP), R14
	LOAD

encode:
	// SUBTRA, SUBTRH; the signs are those that d will have unless it is zero
	MOVL    (SI), X9
	PSUBSW  X7, X9
	MOVL    X9, AX
	SPREAD(0x00, X9, X10)
	SPREAD(0x55, X9, X11)

	// QUANTL: the interval by one division, done with the reciprocal (see scalar.lowBand)
	MOVWLSX AX, BX
	MOVL    BX, CX
	SARL    $31, CX          // sign
	XORL    CX, BX
	SHLQ    $12, BX
	ORQ     $4095, BX
	MOVL    R9, DX
	SHRL    $6, DX
	SHLL    $4, DX           // scale__size
	ADDQ    R8, DX
	IMULQ   (tables_low+scale_recip)(DX), BX
	SHRQ    $42, BX
	MOVL    $const_lowTop, R11
	CMPQ    BX, R11
	CMOVQHI R11, BX
	CMPQ    BX, $const_lowZero
	SBBL    R12, R12
	MOVL    R12, X12
	PSHUFD  $0, X12, X12     // -1 if d is zero

	// INVQAL
	MOVWLSX tables_size(R8)(BX*2), R11
	MOVL    (tables_low+scale_step)(DX), R12
	XORL    CX, R12
	SUBL    CX, R12
	IMULL   R12, R11
	SARL    $15, R11
	MOVBLZX tables_slot(R8)(BX*1), BX
	ANDL    $32, CX
	ORL     BX, CX
	MOVBLZX tables_code(R8)(CX*1), R13
	ADAPT(tables_wl(R8)(BX*8), const_nbLowMax, R9, DX)

	// QUANTH: two bits by one comparison
	SARL    $16, AX
	MOVL    AX, CX
	SARL    $31, CX          // sign
	XORL    CX, AX
	MOVL    R10, DX
	SHRL    $6, DX
	MOVL    tables_highs(R8)(DX*8), R12
	IMUL3L  $564, R12, DX
	SARL    $12, DX
	SUBL    AX, DX
	DECL    DX
	SARL    $31, DX          // -1 from the decision level on
	LEAL    3(DX)(CX*2), DX
	MOVL    DX, CX
	SHLL    $6, CX
	ORL     CX, R13
	MOVB    R13, (DI)

	// INVQAH
	SHLL    $4, DX           // level__size
	ADDQ    R8, DX
	IMULL   (tables_high+level_q)(DX), R12
	SARL    $15, R12
	CMPL    R12, $1
	SBBL    CX, CX
	MOVL    CX, X13
	PSHUFD  $0, X13, X13     // -1 if d is zero
	ADAPT((tables_high+level_w)(DX), const_nbHighMax, R10, CX)

	ZEROS(R11, X0, X2, X10, X12)
	ZEROS(R12, X1, X3, X11, X13)
	PREDICT(X12, X13)
	ADDQ    $4, SI
	INCQ    DI
	DECQ    R14
	JNE     encode
	STORE
	MOVQ    nb+16(FP), DX
	MOVQ    R9, logs_low(DX)
	MOVQ    R10, logs_high(DX)
	RET
