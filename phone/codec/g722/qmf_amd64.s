#include "go_asm.h"
#include "textflag.h"

// Quadrature mirror filter, four pairs of samples at a time. A pair has 32 bits,
// and PMADDWL makes of it the part of one tap: even*e + odd*o. The sums stay
// within 12964 (all coefficients) * 32768, which are 29 bits and a sign. What
// PACKSSLW does to them after the shift is the saturation of the Recommendation.
//
//	SI  the oldest pair that is seen     X0  first sums of four pairs
//	DX  the coefficients                 X1  second sums
//	DI  the pairs made                   X6  how far to shift them
//	CX  how many are left

// TAP adds one tap to both sums.
#define TAP(i) \
	MOVOU   (4*i)(SI), X2     \
	MOVO    X2, X3            \
	MOVOU   (32*i)(DX), X4    \
	MOVOU   (32*i+16)(DX), X5 \
	PMADDWL X4, X2            \
	PMADDWL X5, X3            \
	PADDL   X2, X0            \
	PADDL   X3, X1

// func filterLanes(dst *frame, w *window, k *kernel, shift, n int)
TEXT ·filterLanes(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ w+8(FP), SI
	MOVQ k+16(FP), DX
	MOVQ shift+24(FP), X6
	MOVQ n+32(FP), CX

four:
	PXOR      X0, X0
	PXOR      X1, X1
	TAP(0)
	TAP(1)
	TAP(2)
	TAP(3)
	TAP(4)
	TAP(5)
	TAP(6)
	TAP(7)
	TAP(8)
	TAP(9)
	TAP(10)
	TAP(11)
	PSRAL     X6, X0
	PSRAL     X6, X1
	PACKSSLW  X0, X0
	PACKSSLW  X1, X1
	PUNPCKLWL X1, X0        // first, second, first, second ...
	MOVOU     X0, (DI)
	ADDQ      $16, SI
	ADDQ      $16, DI
	SUBQ      $4, CX
	JGT       four
	RET
