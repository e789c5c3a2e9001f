-- ---------------------------------------------------------------------------
-- Compatibility digests: what OpenPseudonymiser, the NDR tools and plain
-- salting make, so that a partner's existing pseudonyms can be matched. Weaker
-- than the extension's own: whoever learns the salt can try out every NHS
-- number. docs/reference-pseudonyms.md says what to use instead.
--
-- A salt is a secret (secret.sql).
-- ---------------------------------------------------------------------------

-- The costs are those of SHA-256 and of making text.
CREATE FUNCTION caredata.open_pseudonymiser_digest(secret name, VARIADIC fields text[])
	RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 50
	AS 'MODULE_PATHNAME', 'caredata_open_pseudonymiser_digest';
REVOKE ALL ON FUNCTION caredata.open_pseudonymiser_digest(name, text[]) FROM PUBLIC;
COMMENT ON FUNCTION caredata.open_pseudonymiser_digest(name, text[]) IS
	'Compatibility, weak: the digest of OpenPseudonymiser over pairs of field name and value, 64 capital hexadecimal digits; NULL when a value is NULL. For superusers and caredata_linker';

CREATE FUNCTION caredata.ndr_pseudo_id1(nhs_number text, secret name) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 40
	AS 'MODULE_PATHNAME', 'caredata_ndr_pseudo_id1_text';
REVOKE ALL ON FUNCTION caredata.ndr_pseudo_id1(text, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.ndr_pseudo_id1(text, name) IS
	'Compatibility, weak: pseudo id 1 of the NDR tools, of ten digits whatever their check digit; NULL for other text. For superusers and caredata_linker';

CREATE FUNCTION caredata.ndr_pseudo_id2(birth_date date, postcode text, secret name)
	RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 40
	AS 'MODULE_PATHNAME', 'caredata_ndr_pseudo_id2_date';
REVOKE ALL ON FUNCTION caredata.ndr_pseudo_id2(date, text, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.ndr_pseudo_id2(date, text, name) IS
	'Compatibility, weak: pseudo id 2 of the NDR tools, of date of birth and postcode (case and spaces do not count); NULL for a postcode of other characters. For superusers and caredata_linker';

CREATE FUNCTION caredata.ndr_repseudonym(pseudo_id text, secret name) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 40
	AS 'MODULE_PATHNAME', 'caredata_ndr_repseudonym_text';
REVOKE ALL ON FUNCTION caredata.ndr_repseudonym(text, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.ndr_repseudonym(text, name) IS
	'Compatibility, weak: re-pseudonym of a pseudo id or re-pseudonym of the NDR tools, 64 small hexadecimal digits; NULL for other text. For superusers and caredata_linker';

CREATE FUNCTION caredata.ndr_short_repseudonym(pseudo_id text, secret name) RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 40
	AS 'MODULE_PATHNAME', 'caredata_ndr_short_repseudonym_text';
REVOKE ALL ON FUNCTION caredata.ndr_short_repseudonym(text, name) FROM PUBLIC;
COMMENT ON FUNCTION caredata.ndr_short_repseudonym(text, name) IS
	'Compatibility, weak: the first 16 digits of ndr_repseudonym(). For superusers and caredata_linker';

CREATE FUNCTION caredata.salted_sha256(value text, secret name, salt_first boolean DEFAULT false)
	RETURNS text
	LANGUAGE c STABLE STRICT PARALLEL SAFE COST 40
	AS 'MODULE_PATHNAME', 'caredata_salted_sha256';
REVOKE ALL ON FUNCTION caredata.salted_sha256(text, name, boolean) FROM PUBLIC;
COMMENT ON FUNCTION caredata.salted_sha256(text, name, boolean) IS
	'Compatibility, weak: SHA-256 of the bytes of a text and then the salt, or the salt first, 64 small hexadecimal digits. For superusers and caredata_linker';

INSERT INTO caredata.role_grant (role_name, routine) VALUES
	('caredata_linker', 'caredata.open_pseudonymiser_digest(name,text[])'),
	('caredata_linker', 'caredata.ndr_pseudo_id1(text,name)'),
	('caredata_linker', 'caredata.ndr_pseudo_id2(date,text,name)'),
	('caredata_linker', 'caredata.ndr_repseudonym(text,name)'),
	('caredata_linker', 'caredata.ndr_short_repseudonym(text,name)'),
	('caredata_linker', 'caredata.salted_sha256(text,name,boolean)');

