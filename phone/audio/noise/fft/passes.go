package fft

// Each pass turns groups of r values, m*stride apart in x, into r neighbours
// (stride apart) in y and multiplies by the twiddle factors.

func (f *Real) pass2(x, y []complex64, m, stride int) {
	for p := range m {
		w := f.turn[p*stride]
		a, b := x[p*stride:(p+1)*stride], x[(p+m)*stride:(p+m+1)*stride]
		u, v := y[2*p*stride:(2*p+1)*stride], y[(2*p+1)*stride:(2*p+2)*stride]
		for q := range a {
			s, t := a[q], b[q]
			u[q], v[q] = s+t, (s-t)*w
		}
	}
}

func (f *Real) pass3(x, y []complex64, m, stride int) {
	const h = 0.8660254037844386 // sin(pi/3)
	for p := range m {
		w1, w2 := f.turn[p*stride], f.turn[2*p*stride]
		a, b, c := x[p*stride:(p+1)*stride], x[(p+m)*stride:(p+m+1)*stride], x[(p+2*m)*stride:(p+2*m+1)*stride]
		out := y[3*p*stride : (3*p+3)*stride]
		for q := range a {
			s, d := b[q]+c[q], b[q]-c[q]
			mid := a[q] - s*0.5
			d = complex(imag(d)*h, -real(d)*h)
			out[q] = a[q] + s
			out[q+stride] = (mid + d) * w1
			out[q+2*stride] = (mid - d) * w2
		}
	}
}

func (f *Real) pass4(x, y []complex64, m, stride int) {
	for p := range m {
		w1, w2, w3 := f.turn[p*stride], f.turn[2*p*stride], f.turn[3*p*stride]
		a, b := x[p*stride:(p+1)*stride], x[(p+m)*stride:(p+m+1)*stride]
		c, d := x[(p+2*m)*stride:(p+2*m+1)*stride], x[(p+3*m)*stride:(p+3*m+1)*stride]
		o0, o1 := y[4*p*stride:(4*p+1)*stride], y[(4*p+1)*stride:(4*p+2)*stride]
		o2, o3 := y[(4*p+2)*stride:(4*p+3)*stride], y[(4*p+3)*stride:(4*p+4)*stride]
		for q := range a {
			s02, d02 := a[q]+c[q], a[q]-c[q]
			s13, d13 := b[q]+d[q], b[q]-d[q]
			d13 = complex(imag(d13), -real(d13))
			o0[q] = s02 + s13
			o1[q] = (d02 + d13) * w1
			o2[q] = (s02 - s13) * w2
			o3[q] = (d02 - d13) * w3
		}
	}
}

func (f *Real) pass5(x, y []complex64, m, stride int) {
	const (
		c1, s1 = 0.30901699437494745, 0.9510565162951535 // cos, sin of 2*pi/5
		c2, s2 = -0.8090169943749475, 0.5877852522924731 // cos, sin of 4*pi/5
	)
	for p := range m {
		w := [4]complex64{f.turn[p*stride], f.turn[2*p*stride], f.turn[3*p*stride], f.turn[4*p*stride]}
		in := x[p*stride:]
		out := y[5*p*stride : (5*p+5)*stride]
		for q := range stride {
			a := in[q]
			b, e := in[q+m*stride], in[q+4*m*stride]
			c, d := in[q+2*m*stride], in[q+3*m*stride]
			sb, db, sc, dc := b+e, b-e, c+d, c-d
			r1, r2 := a+sb*c1+sc*c2, a+sb*c2+sc*c1
			i1, i2 := db*s1+dc*s2, db*s2-dc*s1
			i1 = complex(imag(i1), -real(i1))
			i2 = complex(imag(i2), -real(i2))
			out[q] = a + sb + sc
			out[q+stride] = (r1 + i1) * w[0]
			out[q+2*stride] = (r2 + i2) * w[1]
			out[q+3*stride] = (r2 - i2) * w[2]
			out[q+4*stride] = (r1 - i1) * w[3]
		}
	}
}
