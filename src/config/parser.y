/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shape of the language: statements and blocks. There is no mark at the end
 * of a statement, so the class of a keyword tells what follows it; classes come
 * from the schema. Each action says what is wanted next ("want") before the next
 * token is read: bison reads no look-ahead where only one reduction is possible,
 * and that is so at every action below.
 */
%require "3.6"
%define api.pure full
%define api.prefix {conf_yy}
%define api.header.include {"parser.h"}
%param {void *scanner}
%parse-param {struct reader *r}

%code requires {
#include "reader.h"
}

%code provides {
int conf_yylex(CONF_YYSTYPE *val, void *scanner);
}

%code {
static void conf_yyerror(void *scanner, struct reader *r, const char *text);

/* Leave with the error the function has told. */
#define DO(call) do { if (call) YYABORT; } while (0)

static void want(struct reader *r, enum reader_want w, const struct schema_key *key)
{
	r->want = w;
	r->key = key;
}
}

%union {
	const struct schema_key *key;
	struct word word;
}

%token <key> KEY     /* a word follows */
%token <key> CHOICE  /* a word or a list follows */
%token <key> BLOCK   /* words, then statements in braces */
%token <key> LIST    /* words, then words in braces */
%token <word> WORD

%type <key> key choice

%%

file
	: body
	;

body
	: %empty
	| body statement
	;

statement
	: key WORD		{ DO(value_set(r, $1, &$2)); want(r, WANT_KEY, NULL); }
	| choice WORD		{ DO(value_set(r, $1, &$2)); want(r, WANT_KEY, NULL); }
	| choice items
	| LIST			{ r->n_head = 0; want(r, WANT_HEAD, $1); }
	  head items
	| BLOCK			{ r->n_head = 0; want(r, WANT_HEAD, $1); }
	  head '{'		{ DO(section_open(r, $1)); want(r, WANT_KEY, NULL); }
	  body '}'		{ DO(section_close(r)); }
	;

key
	: KEY			{ $$ = $1; want(r, WANT_VALUE, $1); }
	;

choice
	: CHOICE		{ $$ = $1; want(r, WANT_VALUE, $1); }
	;

head
	: %empty
	| head WORD		{ DO(section_head_word(r, r->key, &$2)); }
	;

items
	: '{'			{ DO(list_open(r, r->key)); want(r, WANT_ITEM, r->key); }
	  words '}'		{ DO(list_close(r, r->key)); want(r, WANT_KEY, NULL); }
	;

words
	: %empty
	| words WORD		{ DO(list_item(r, r->key, &$2)); }
	;

%%

/* Any token that does not fit; reader.c knows what was wanted. */
static void conf_yyerror(void *scanner, struct reader *r, const char *text)
{
	(void)scanner;
	(void)text;
	reader_unexpected(r);
}
