/*
 * phonetic_code.c
 *		Codes of names that sound alike, without PostgreSQL.
 *
 * Each is the variant that published vectors pin down: Soundex by two rules
 * that are told apart by name, NYSIIS without the limit of six letters,
 * Double Metaphone with codes of four, and the match rating codex as its
 * authors gave it.  None of them folds accents: that is the caller's.
 */
#include "phonetic_code.h"

#include <stdbool.h>
#include <string.h>

#define C_CEDILLA	0xC7
#define N_TILDE		0xD1

static bool
is_ascii_letter(uint8_t c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_letter(uint8_t c)
{
	/* 0xD7 is the multiplication sign, in the midst of the capitals */
	return is_ascii_letter(c) || (c >= 0xC0 && c <= 0xDE && c != 0xD7);
}

static bool
is_vowel(uint8_t c)
{
	return c == 'A' || c == 'E' || c == 'I' || c == 'O' || c == 'U';
}

/* ------------------------------------------------------------------------
 * Soundex
 * ------------------------------------------------------------------------
 */

size_t
caredata_soundex(const uint8_t *name, size_t length, SoundexRule rule,
				 uint8_t *code)
{
	/*                         ABCDEFGHIJKLMNOPQRSTUVWXYZ */
	static const char classes[] = "01230120022455012623010202";
	char		last;
	size_t		n = 1;
	size_t		i = 0;

	if (length == 0)
		return 0;
	while (i < length && !is_ascii_letter(name[i]))
		i++;
	if (i == length)
	{
		if (rule == SOUNDEX_SQL)
			return 0;
		code[0] = name[0];
		last = '0';
	}
	else
	{
		code[0] = name[i];
		last = classes[name[i] - 'A'];
	}

	for (i++; i < length && n < SOUNDEX_LENGTH; i++)
	{
		char		class = is_ascii_letter(name[i]) ? classes[name[i] - 'A'] : '0';

		if (class != '0' && class != last)
			code[n++] = (uint8_t) class;
		/* vowels and what is no letter part equal codes */
		if (rule == SOUNDEX_SQL || (name[i] != 'H' && name[i] != 'W'))
			last = class;
	}
	while (n < SOUNDEX_LENGTH)
		code[n++] = '0';
	return n;
}

/* ------------------------------------------------------------------------
 * NYSIIS
 * ------------------------------------------------------------------------
 */

static bool
begins(const uint8_t *s, size_t length, const char *with)
{
	return length >= strlen(with) && memcmp(s, with, strlen(with)) == 0;
}

static bool
ends(const uint8_t *s, size_t length, const char *with)
{
	return length >= strlen(with) &&
		memcmp(s + length - strlen(with), with, strlen(with)) == 0;
}

/*
 * The key is written over the name that it is made of: it never has more
 * letters than have been read.
 */
size_t
caredata_nysiis(const uint8_t *name, size_t length, uint8_t *code)
{
	uint8_t    *s = code;
	uint8_t		previous;
	size_t		n;
	size_t		i;

	if (length == 0)
		return 0;
	memcpy(s, name, length);

	if (begins(s, length, "MAC"))
		s[1] = 'C';
	else if (begins(s, length, "KN"))
		memmove(s, s + 1, --length);
	else if (begins(s, length, "K"))
		s[0] = 'C';
	else if (begins(s, length, "PH") || begins(s, length, "PF"))
		s[0] = s[1] = 'F';
	else if (begins(s, length, "SCH"))
		s[1] = s[2] = 'S';

	if (ends(s, length, "IE") || ends(s, length, "EE"))
		s[--length - 1] = 'Y';
	else if (ends(s, length, "DT") || ends(s, length, "RT") ||
			 ends(s, length, "RD") || ends(s, length, "NT") ||
			 ends(s, length, "ND"))
		s[--length - 1] = 'D';

	previous = s[0];
	n = 1;
	for (i = 1; i < length; i++)
	{
		uint8_t		c = s[i];
		uint8_t		next = i + 1 < length ? s[i + 1] : 0;
		uint8_t		sound = c;
		uint8_t		before = 0; /* the first of two */

		if (c == 'E' && next == 'V')
		{
			before = 'A', sound = 'F';
			c = s[++i];
		}
		else if (is_vowel(c))
			sound = 'A';
		else if (c == 'Q')
			sound = 'G';
		else if (c == 'Z')
			sound = 'S';
		else if (c == 'M')
			sound = 'N';
		else if (c == 'K')
			sound = next == 'N' ? 'N' : 'C';
		else if (c == 'S' && begins(s + i, length - i, "SCH"))
		{
			before = sound = 'S';
			i += 2;
			c = s[i];
		}
		else if (c == 'P' && next == 'H')
		{
			sound = 'F';
			c = s[++i];
		}
		else if (c == 'H' && (!is_vowel(previous) || !is_vowel(next)))
			sound = is_vowel(previous) ? 'A' : previous;
		else if (c == 'W' && is_vowel(previous))
			sound = previous;

		previous = c;
		if (sound != s[n - 1])
		{
			if (before != 0)
				s[n++] = before;
			s[n++] = sound;
		}
	}

	if (n > 1 && s[n - 1] == 'Y' && s[n - 2] == 'A')
		s[--n - 1] = 'Y';
	else if (n > 1 && s[n - 1] == 'S')
		n--;
	if (n > 1 && s[n - 1] == 'A')
		n--;
	return n;
}

/* ------------------------------------------------------------------------
 * Match rating
 * ------------------------------------------------------------------------
 */

/*
 * Consonants, the same one after the other once, and a vowel in front; of more
 * than six the first and the last three.
 */
size_t
caredata_match_rating_codex(const uint8_t *name, size_t length, uint8_t *code)
{
	uint8_t		last = 0;
	size_t		n = 0;
	size_t		i;

	for (i = 0; i < length; i++)
	{
		uint8_t		c = name[i];

		if (!is_letter(c))
		{
			/* between two words, an equal consonant counts again */
			last = 0;
			continue;
		}
		if (n > 0 && (is_vowel(c) || c == last))
			continue;
		if (n == MATCH_RATING_LENGTH)
			memmove(code + 3, code + 4, --n - 3);
		code[n++] = last = c;
	}
	return n;
}

MatchRating
caredata_match_rating_compare(const uint8_t *a, size_t la,
							  const uint8_t *b, size_t lb)
{
	uint8_t		left_a[MATCH_RATING_LENGTH];
	uint8_t		left_b[MATCH_RATING_LENGTH];
	size_t		na = 0;
	size_t		nb = 0;
	size_t		unlike = 0;
	size_t		least;
	size_t		i;

	if (la > lb ? la - lb >= 3 : lb - la >= 3)
		return MATCH_RATING_NOT_COMPARABLE;
	least = la + lb <= 4 ? 5 : la + lb <= 7 ? 4 : la + lb <= 11 ? 3 : 2;

	/* what is equal in the same place goes, from the left and then the right */
	for (i = 0; i < la || i < lb; i++)
	{
		if (i < la && i < lb && a[i] == b[i])
			continue;
		if (i < la)
			left_a[na++] = a[i];
		if (i < lb)
			left_b[nb++] = b[i];
	}
	for (i = 1; i <= na && i <= nb; i++)
		unlike += left_a[na - i] != left_b[nb - i];
	unlike += na > nb ? na - nb : nb - na;

	return unlike + least <= 6 ? MATCH_RATING_SIMILAR : MATCH_RATING_DIFFERENT;
}

/* ------------------------------------------------------------------------
 * Double Metaphone
 * ------------------------------------------------------------------------
 */

typedef struct Metaphone
{
	const uint8_t *name;
	int			length;
	int			at;				/* the letter that is being read */
	bool		slavo_germanic;
	uint8_t    *primary;
	size_t		nprimary;
	uint8_t    *alternate;
	size_t		nalternate;
} Metaphone;

/* The letter so many places on; 0 outside the name. */
static uint8_t
letter(const Metaphone *m, int offset)
{
	int			i = m->at + offset;

	return i >= 0 && i < m->length ? m->name[i] : 0;
}

static bool
is_vowel_or_y(uint8_t c)
{
	return is_vowel(c) || c == 'Y';
}

/* Whether one of the words, with bars between them, begins at that place. */
static bool
word_at(const Metaphone *m, int place, const char *words)
{
	const char *word = words;

	if (place < 0)
		return false;
	for (;;)
	{
		int			n = (int) strcspn(word, "|");

		if (place + n <= m->length &&
			memcmp(m->name + place, word, (size_t) n) == 0)
			return true;
		if (word[n] == '\0')
			return false;
		word += n + 1;
	}
}

/* The same, so many places on. */
static bool
here(const Metaphone *m, int offset, const char *words)
{
	return word_at(m, m->at + offset, words);
}

static void
add_to(uint8_t *code, size_t *n, const char *sounds)
{
	for (; *sounds != '\0' && *n < DOUBLE_METAPHONE_LENGTH; sounds++)
		code[(*n)++] = (uint8_t) *sounds;
}

/* Adds to both codes, and moves on by so many letters. */
static void
sound(Metaphone *m, const char *primary, const char *alternate, int letters)
{
	add_to(m->primary, &m->nprimary, primary);
	add_to(m->alternate, &m->nalternate, alternate);
	m->at += letters;
}

static void
both(Metaphone *m, const char *sounds, int letters)
{
	sound(m, sounds, sounds, letters);
}

/* A doubled letter counts once. */
static int
doubled(const Metaphone *m)
{
	return letter(m, 1) == letter(m, 0) ? 2 : 1;
}

/* Names of Dutch and German families, where th is t and ge is hard. */
static bool
is_germanic(const Metaphone *m)
{
	return word_at(m, 0, "VAN |VON |SCH");
}

static void
sound_ch(Metaphone *m)
{
	if (m->at > 0 && here(m, 0, "CHAE"))
		sound(m, "K", "X", 2);	/* Michael */
	else if (m->at == 0 && here(m, 1, "HARAC|HARIS|HOR|HYM|HIA|HEM") &&
			 !here(m, 0, "CHORE"))
		both(m, "K", 2);		/* from Greek: chorus, chemist */
	else if (is_germanic(m) || here(m, -2, "ORCHES|ARCHIT|ORCHID") ||
			 here(m, 2, "T|S") ||
			 ((m->at == 0 || here(m, -1, "A|O|U|E")) &&
			  (here(m, 2, "L|R|N|M|B|H|F|V|W| ") || m->at + 1 == m->length - 1)))
		both(m, "K", 2);		/* Germanic or Greek: Wachtler, orchestra */
	else if (m->at == 0)
		both(m, "X", 2);
	else if (word_at(m, 0, "MC"))
		both(m, "K", 2);		/* McHugh */
	else
		sound(m, "X", "K", 2);
}

static void
sound_c(Metaphone *m)
{
	if (here(m, 0, "CHIA") ||
		(m->at > 1 && !is_vowel_or_y(letter(m, -2)) && here(m, -1, "ACH") &&
		 letter(m, 2) != 'I' &&
		 (letter(m, 2) != 'E' || here(m, -2, "BACHER|MACHER"))))
		both(m, "K", 2);
	else if (m->at == 0 && here(m, 0, "CAESAR"))
		both(m, "S", 2);
	else if (letter(m, 1) == 'H')
		sound_ch(m);
	else if (letter(m, 1) == 'Z' && !here(m, -2, "WICZ"))
		sound(m, "S", "X", 2);	/* Czerny */
	else if (here(m, 1, "CIA"))
		both(m, "X", 3);		/* focaccia */
	else if (letter(m, 1) == 'C' && !(m->at == 1 && m->name[0] == 'M'))
	{
		/* a double C, but not of McClellan */
		if (!here(m, 2, "I|E|H") || here(m, 2, "HU"))
			both(m, "K", 2);
		else if ((m->at == 1 && m->name[0] == 'A') || here(m, -1, "UCCEE|UCCES"))
			both(m, "KS", 3);	/* accident, succeed */
		else
			both(m, "X", 3);	/* Bacci */
	}
	else if (here(m, 1, "K|G|Q"))
		both(m, "K", 2);
	else if (here(m, 1, "IO|IE|IA"))
		sound(m, "S", "X", 2);
	else if (here(m, 1, "I|E|Y"))
		both(m, "S", 2);
	else if (here(m, 1, " C| Q| G"))
		both(m, "K", 3);		/* Mac Caffrey */
	else
		both(m, "K", here(m, 1, "C") && !here(m, 1, "CE|CI") ? 2 : 1);
}

static void
sound_d(Metaphone *m)
{
	if (letter(m, 1) == 'G')
	{
		if (here(m, 2, "I|E|Y"))
			both(m, "J", 3);	/* edge */
		else
			both(m, "TK", 2);	/* Edgar */
	}
	else
		both(m, "T", here(m, 1, "T|D") ? 2 : 1);
}

static void
sound_gh(Metaphone *m)
{
	if (m->at == 0)
		both(m, letter(m, 2) == 'I' ? "J" : "K", 2);	/* Ghislane */
	else if (!is_vowel_or_y(letter(m, -1)))
		both(m, "K", 2);
	else if (here(m, -2, "B|H|D") || here(m, -3, "B|H|D") || here(m, -4, "B|H"))
		both(m, "", 2);			/* Hugh, bough, Broughton */
	else if (m->at > 2 && letter(m, -1) == 'U' && here(m, -3, "C|G|L|R|T"))
		both(m, "F", 2);		/* McLaughlin, cough, rough */
	else
		both(m, letter(m, -1) == 'I' ? "" : "K", 2);
}

static void
sound_g(Metaphone *m)
{
	if (letter(m, 1) == 'H')
		sound_gh(m);
	else if (letter(m, 1) == 'N')
	{
		if (m->slavo_germanic)
			both(m, "KN", 2);
		else if (m->at == 1 && is_vowel_or_y(m->name[0]))
			sound(m, "KN", "N", 2);
		else if (!here(m, 2, "EY"))
			sound(m, "N", "KN", 2); /* not Cagney */
		else
			both(m, "KN", 2);
	}
	else if (here(m, 1, "LI") && !m->slavo_germanic)
		sound(m, "KL", "L", 2); /* Tagliaro */
	else if (m->at == 0 && here(m, 1, "Y|ES|EP|EB|EL|EY|IB|IL|IN|IE|EI|ER"))
		sound(m, "K", "J", 2);
	else if (here(m, 1, "ER|Y") && !word_at(m, 0, "DANGER|RANGER|MANGER") &&
			 !here(m, -1, "E|I|RGY|OGY"))
		sound(m, "K", "J", 2);
	else if (here(m, 1, "E|I|Y") || here(m, -1, "AGGI|OGGI"))
	{
		if (is_germanic(m) || here(m, 1, "ET"))
			both(m, "K", 2);
		else if (here(m, 1, "IER"))
			both(m, "J", 2);
		else
			sound(m, "J", "K", 2);
	}
	else
		both(m, "K", doubled(m));
}

static void
sound_j(Metaphone *m)
{
	bool		san = word_at(m, 0, "SAN ");

	if (here(m, 0, "JOSE") || san)
	{
		if (san || m->length == 4 || (m->at == 0 && letter(m, 4) == ' '))
			both(m, "H", 1);
		else
			sound(m, "J", "H", 1);
	}
	else if (m->at == 0)
		sound(m, "J", "A", doubled(m)); /* Jankelowicz */
	else if (is_vowel_or_y(letter(m, -1)) && !m->slavo_germanic &&
			 here(m, 1, "A|O"))
		sound(m, "J", "H", 1);	/* bajador */
	else if (m->at == m->length - 1)
		sound(m, "J", "", 1);
	else if (!here(m, 1, "L|T|K|S|N|M|B|Z") && !here(m, -1, "S|K|L"))
		both(m, "J", doubled(m));
	else
		both(m, "", doubled(m));
}

static void
sound_l(Metaphone *m)
{
	/* Spanish: cabrillo, gallegos */
	if (letter(m, 1) == 'L' &&
		((m->at == m->length - 3 && here(m, -1, "ILLO|ILLA|ALLE")) ||
		 (here(m, -1, "ALLE") &&
		  (word_at(m, m->length - 2, "AS|OS") ||
		   word_at(m, m->length - 1, "A|O")))))
		sound(m, "L", "", 2);
	else
		both(m, "L", doubled(m));
}

static void
sound_m(Metaphone *m)
{
	/* dumb, thumb, plumber */
	if (here(m, -1, "UMB") && (m->at + 1 == m->length - 1 || here(m, 2, "ER")))
		both(m, "M", 2);
	else
		both(m, "M", doubled(m));
}

static void
sound_r(Metaphone *m)
{
	/* French: Rogier, but not Hochmeier */
	if (m->at == m->length - 1 && !m->slavo_germanic && here(m, -2, "IE") &&
		!here(m, -4, "ME|MA"))
		sound(m, "", "R", 1);
	else
		both(m, "R", doubled(m));
}

static void
sound_sc(Metaphone *m)
{
	if (letter(m, 2) == 'H')
	{
		if (here(m, 3, "ER|EN"))
			sound(m, "X", "SK", 3); /* Schermerhorn, Schenker */
		else if (here(m, 3, "OO|UY|ED|EM"))
			both(m, "SK", 3);	/* Dutch: school, schooner */
		else if (m->at == 0 && !is_vowel_or_y(letter(m, 3)) &&
				 letter(m, 3) != 'W')
			sound(m, "X", "S", 3);
		else
			both(m, "X", 3);
	}
	else
		both(m, here(m, 2, "I|E|Y") ? "S" : "SK", 3);
}

static void
sound_s(Metaphone *m)
{
	if (here(m, -1, "ISL|YSL"))
		both(m, "", 1);			/* isle, Carlisle */
	else if (m->at == 0 && here(m, 0, "SUGAR"))
		sound(m, "X", "S", 1);
	else if (letter(m, 1) == 'H')
		both(m, here(m, 1, "HEIM|HOEK|HOLM|HOLZ") ? "S" : "X", 2);
	else if (here(m, 0, "SIO|SIA"))
		sound(m, "S", m->slavo_germanic ? "S" : "X", 3);
	else if (letter(m, 1) == 'Z')
		sound(m, "S", "X", 2);	/* Szabo */
	else if (m->at == 0 && here(m, 1, "M|N|L|W"))
		sound(m, "S", "X", 1);	/* Smith and Schmidt, Snider and Schneider */
	else if (letter(m, 1) == 'C')
		sound_sc(m);
	else if (m->at == m->length - 1 && here(m, -2, "AI|OI"))
		sound(m, "", "S", 1);	/* French: Resnais, Artois */
	else
		both(m, "S", doubled(m));
}

static void
sound_t(Metaphone *m)
{
	if (here(m, 0, "TION|TIA|TCH"))
		both(m, "X", 3);
	else if (here(m, 0, "TH|TTH"))
	{
		/* Thomas, Thames */
		if (here(m, 2, "OM|AM") || is_germanic(m))
			both(m, "T", 2);
		else
			sound(m, "0", "T", 2);
	}
	else
		both(m, "T", here(m, 1, "T|D") ? 2 : 1);
}

static void
sound_w(Metaphone *m)
{
	if (letter(m, 1) == 'R')
		both(m, "R", 2);
	else if (m->at == 0 && is_vowel_or_y(letter(m, 1)))
	{
		/* Wasserman and Vasserman; Witzel goes on as Horowitz does */
		sound(m, "A", "F", 0);
		if (here(m, 0, "WICZ|WITZ"))
			sound(m, "TS", "FX", 4);
		else
			m->at++;
	}
	else if (m->at == 0 && letter(m, 1) == 'H')
		both(m, "A", 1);
	else if ((m->at == m->length - 1 && is_vowel_or_y(letter(m, -1))) ||
			 here(m, -1, "EWSKI|EWSKY|OWSKI|OWSKY") || word_at(m, 0, "SCH"))
		sound(m, "", "F", 1);	/* Arnow and Arnoff */
	else if (here(m, 0, "WICZ|WITZ"))
		sound(m, "TS", "FX", 4);	/* Filipowicz */
	else
		both(m, "", 1);
}

static void
sound_x(Metaphone *m)
{
	int			letters = here(m, 1, "C|X") ? 2 : 1;

	if (m->at == 0)
		both(m, "S", 1);
	/* French: Breaux */
	else if (m->at == m->length - 1 && (here(m, -3, "IAU|EAU") || here(m, -2, "AU|OU")))
		both(m, "", letters);
	else
		both(m, "KS", letters);
}

static void
sound_z(Metaphone *m)
{
	if (letter(m, 1) == 'H')
		both(m, "J", 2);		/* Zhao */
	else if (here(m, 1, "ZO|ZI|ZA") ||
			 (m->slavo_germanic && m->at > 0 && letter(m, -1) != 'T'))
		sound(m, "S", "TS", doubled(m));
	else
		both(m, "S", doubled(m));
}

size_t
caredata_double_metaphone(const uint8_t *name, size_t length,
						  uint8_t *primary, uint8_t *alternate,
						  size_t *alternate_length)
{
	Metaphone	m = {
		.name = name,
		.length = length > INT16_MAX ? INT16_MAX : (int) length,
		.primary = primary,
		.alternate = alternate
	};
	int			i;

	for (i = 0; i < m.length && !m.slavo_germanic; i++)
		m.slavo_germanic = word_at(&m, i, "W|K|CZ");
	/* the first of these is not heard */
	if (word_at(&m, 0, "GN|KN|PN|WR|PS"))
		m.at = 1;

	while (m.at < m.length && (m.nprimary < DOUBLE_METAPHONE_LENGTH ||
							   m.nalternate < DOUBLE_METAPHONE_LENGTH))
	{
		switch (letter(&m, 0))
		{
			case 'A':
			case 'E':
			case 'I':
			case 'O':
			case 'U':
			case 'Y':
				both(&m, m.at == 0 ? "A" : "", 1);
				break;
			case 'B':
				both(&m, "P", doubled(&m));
				break;
			case C_CEDILLA:
				both(&m, "S", 1);
				break;
			case 'C':
				sound_c(&m);
				break;
			case 'D':
				sound_d(&m);
				break;
			case 'F':
				both(&m, "F", doubled(&m));
				break;
			case 'G':
				sound_g(&m);
				break;
			case 'H':
				if ((m.at == 0 || is_vowel_or_y(letter(&m, -1))) &&
					is_vowel_or_y(letter(&m, 1)))
					both(&m, "H", 2);
				else
					both(&m, "", 1);
				break;
			case 'J':
				sound_j(&m);
				break;
			case 'K':
				both(&m, "K", doubled(&m));
				break;
			case 'L':
				sound_l(&m);
				break;
			case 'M':
				sound_m(&m);
				break;
			case 'N':
				both(&m, "N", doubled(&m));
				break;
			case N_TILDE:
				both(&m, "N", 1);
				break;
			case 'P':
				if (letter(&m, 1) == 'H')
					both(&m, "F", 2);
				else
					both(&m, "P", here(&m, 1, "P|B") ? 2 : 1);
				break;
			case 'Q':
				both(&m, "K", doubled(&m));
				break;
			case 'R':
				sound_r(&m);
				break;
			case 'S':
				sound_s(&m);
				break;
			case 'T':
				sound_t(&m);
				break;
			case 'V':
				both(&m, "F", doubled(&m));
				break;
			case 'W':
				sound_w(&m);
				break;
			case 'X':
				sound_x(&m);
				break;
			case 'Z':
				sound_z(&m);
				break;
			default:
				m.at++;
		}
	}
	*alternate_length = m.nalternate;
	return m.nprimary;
}
