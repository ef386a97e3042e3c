package font

import "sync"

//nolint:gochecknoglobals // read-only tables, made once
var (
	decompositions = sync.OnceValue(func() map[rune]letterAndMark {
		// Letter, the letter without its mark, the mark ('/' has no picture: the bare letter is drawn).
		triples := []rune("" +
			"ÀA`ÁA´ÂA^ÃA~ÄA¨ÅA°ĀA¯ĂA˘ĄA˛ǍAˇàa`áa´âa^ãa~äa¨åa°āa¯ăa˘ąa˛ǎaˇ" +
			"ÇC¸ĆC´ĈC^ĊC˙ČCˇçc¸ćc´ĉc^ċc˙čcˇĎDˇďdˇĐD/đd/ÐD/ðd/" +
			"ÈE`ÉE´ÊE^ËE¨ĒE¯ĔE˘ĖE˙ĘE˛ĚEˇẼE~èe`ée´êe^ëe¨ēe¯ĕe˘ėe˙ęe˛ěeˇẽe~" +
			"ĜG^ĞG˘ĠG˙ĢG¸ĝg^ğg˘ġg˙ģg¸ĤH^ĥh^ĦH/ħh/" +
			"ÌI`ÍI´ÎI^ÏI¨ĨI~ĪI¯ĬI˘ĮI˛İI˙ìi`íi´îi^ïi¨ĩi~īi¯ĭi˘įi˛ĴJ^ĵj^ĶK¸ķk¸" +
			"ĹL´ĻL¸ĽLˇŁL/ĺl´ļl¸ľlˇłl/ÑN~ŃN´ŅN¸ŇNˇñn~ńn´ņn¸ňnˇ" +
			"ÒO`ÓO´ÔO^ÕO~ÖO¨ŌO¯ŎO˘ŐO˝òo`óo´ôo^õo~öo¨ōo¯ŏo˘őo˝" +
			"ŔR´ŖR¸ŘRˇŕr´ŗr¸řrˇŚS´ŜS^ŞS¸ŠSˇȘS¸śs´ŝs^şs¸šsˇșs¸ŢT¸ŤTˇȚT¸ţt¸ťtˇțt¸ŦT/ŧt/" +
			"ÙU`ÚU´ÛU^ÜU¨ŨU~ŪU¯ŬU˘ŮU°ŰU˝ŲU˛ùu`úu´ûu^üu¨ũu~ūu¯ŭu˘ůu°űu˝ųu˛" +
			"ŴW^ŵw^ÝY´ŶY^ŸY¨ýy´ŷy^ÿy¨ŹZ´ŻZ˙ŽZˇźz´żz˙žzˇ" +
			"ΆΑ´ΈΕ´ΉΗ´ΊΙ´ΌΟ´ΎΥ´ёе¨ЁЕ¨")
		table := make(map[rune]letterAndMark, len(triples)/3)
		for i := 0; i+2 < len(triples); i += 3 {
			table[triples[i]] = letterAndMark{triples[i+1], triples[i+2]}
		}
		return table
	})

	// spellings holds small letters and signs; a capital is the capital of what stands here.
	spellings = sync.OnceValue(func() map[rune]string {
		table := make(map[rune]string)
		letters := func(from string, to ...string) {
			for i, r := range []rune(from) {
				table[r] = to[i]
			}
		}
		letters("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґўђјљњћџѓќѕ",
			"a", "b", "v", "g", "d", "e", "yo", "zh", "z", "i", "y", "k", "l", "m", "n", "o", "p", "r", "s", "t", "u",
			"f", "kh", "ts", "ch", "sh", "shch", "'", "y", "'", "e", "yu", "ya", "i", "yi", "ye", "g", "u", "dj", "j",
			"lj", "nj", "c", "dz", "g", "k", "dz")
		letters("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώ",
			"a", "v", "g", "d", "e", "z", "i", "th", "i", "k", "l", "m", "n", "x", "o", "p", "r", "s", "s", "t", "y",
			"f", "ch", "ps", "o", "a", "e", "i", "i", "o", "y", "o")
		letters("æœßþðøłđŋſıĳ", "ae", "oe", "ss", "th", "d", "o", "l", "d", "ng", "s", "i", "ij")
		letters("‘’‚‛“”„‟‹›«»′″`´", "'", "'", ",", "'", "\"", "\"", "\"", "\"", "<", ">", "<", ">", "'", "\"", "'", "'")
		letters("‐‑‒–—―−…•·∙×÷⁄∕", "-", "-", "-", "-", "-", "-", "-", "...", "*", ".", ".", "x", ":", "/", "/")
		letters("€£¥¢©®™№°º²³¹½¼¾±≤≥≠≈µ", "EUR", "GBP", "JPY", "c", "(c)", "(R)", "(TM)", "No", "o", "o", "2", "3", "1",
			"1/2", "1/4", "3/4", "+-", "<=", ">=", "!=", "~", "u")
		letters("\\~", "/", "-")
		letters("←→↑↓⇐⇒✓✔✗✘★☆■□█¡¿│─☎📞🔔🔒🔓⚠", "<-", "->", "^", "v", "<=", "=>", "v", "v", "x", "x", "*", "*", "#", "#",
			"#", "!", "?", "|", "-", "Tel", "Tel", "(bell)", "(locked)", "(open)", "!")
		return table
	})
)
