-- ---------------------------------------------------------------------------
-- The standard datasets: which fields the extracts of GP, hospital, community
-- and social care have, defined through the same calls as a dataset of one's
-- own (dataset.sql). docs/reference-datasets.md describes them field by field.
-- ---------------------------------------------------------------------------

CREATE FUNCTION caredata.define_standard_datasets() RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
	SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	-- What the loads know of each person. No file brings it, so it has no
	-- landing table, and it is not defined by define_dataset().
	INSERT INTO caredata.dataset (dataset, setting, title, key_columns, landed, description)
	VALUES ('person', 'registry', 'Persons', '{person_id}', false,
			'One row for each person: coded facts from the registrations, episodes and deaths linked to them');
	PERFORM caredata.define_dataset_column('person', 'birth_year', 'smallint',
		'Year of birth');
	PERFORM caredata.define_dataset_column('person', 'birth_month', 'smallint',
		'Month of birth, 1 to 12', treatment => 'drop');
	PERFORM caredata.define_dataset_column('person', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known',
		format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('person', 'ethnic_category', 'text',
		'Ethnic category (2001 census 16+1); Z not stated, 99 not known',
		format => 'ethnic_category', code_list => 'ethnos');
	PERFORM caredata.define_dataset_column('person', 'lsoa', 'text',
		'Lower layer super output area of the latest known address', format => 'lsoa');
	PERFORM caredata.define_dataset_column('person', 'practice_code', 'text',
		'GP practice, an ODS code: where the person is registered now, or was when they died; empty for who is registered nowhere', format => 'ods');
	PERFORM caredata.define_dataset_column('person', 'death_year', 'smallint',
		'Year of death; empty for the living');
	PERFORM caredata.define_dataset_column('person', 'death_month', 'smallint',
		'Month of death, 1 to 12');

	-- Whoever keeps their GP record to the practice keeps these there, too.
	-- Area and ethnic category may come from another record, where the
	-- registration lacks them; that record has its own.
	UPDATE caredata.dataset_column c SET source_setting = 'gp'
	WHERE c.dataset = 'person' AND c.column_name IN ('practice_code', 'lsoa', 'ethnic_category');

	PERFORM caredata.define_dataset('gp_registration', 'gp', 'GP registrations',
		ARRAY['registration_id'],
		'One row for each period a person was registered with a practice; periods of one person may overlap, and the latest start counts',
		partition_column => NULL, event_date_column => 'registration_start');
	PERFORM caredata.define_dataset_column('gp_registration', 'registration_id', 'text',
		'Key of the registration in the source system',
		mandatory => true);
	PERFORM caredata.define_dataset_column('gp_registration', 'practice', 'text',
		'GP practice, an ODS code; defaults such as V81997 mean no practice',
		role => 'source_organisation', format => 'ods', mandatory => true);
	PERFORM caredata.define_dataset_column('gp_registration', 'nhs_number', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('gp_registration', 'date_of_birth', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('gp_registration', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('gp_registration', 'postcode', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('gp_registration', 'local_patient_id', 'text',
		'Number the practice gave the patient; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('gp_registration', 'registration_start', 'date',
		'First day of the registration',
		mandatory => true);
	PERFORM caredata.define_dataset_column('gp_registration', 'registration_end', 'date',
		'Last day of the registration; empty while it is open',
		not_before => 'registration_start');
	PERFORM caredata.define_dataset_column('gp_registration', 'ethnos', 'text',
		'Ethnic category (2001 census 16+1); Z not stated, 99 not known',
		format => 'ethnic_category', code_list => 'ethnos');
	PERFORM caredata.define_dataset_column('gp_registration', 'lsoa', 'text',
		'Lower layer super output area of the usual address',
		format => 'lsoa');

	PERFORM caredata.define_dataset('gp_event', 'gp', 'Coded GP events',
		ARRAY['practice', 'event_id'],
		'One row for each code in a GP record: diagnoses, findings, measurements, referrals. No free text. Codes that record an objection are kept apart and never stored here',
		partition_column => 'date', event_date_column => 'date');
	PERFORM caredata.define_dataset_column('gp_event', 'practice', 'text',
		'GP practice whose record holds the event, an ODS code',
		role => 'source_organisation', format => 'ods', mandatory => true);
	PERFORM caredata.define_dataset_column('gp_event', 'event_id', 'text',
		'Key of the event in the practice''s system',
		mandatory => true);
	PERFORM caredata.define_dataset_column('gp_event', 'nhs_number', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('gp_event', 'date_of_birth', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('gp_event', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('gp_event', 'postcode', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('gp_event', 'local_patient_id', 'text',
		'Number the practice gave the patient; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('gp_event', 'date', 'date',
		'When it happened; empty where the record does not say');
	PERFORM caredata.define_dataset_column('gp_event', 'record_date', 'date',
		'When it was entered into the record');
	PERFORM caredata.define_dataset_column('gp_event', 'code', 'text',
		'Clinical code in the scheme named beside it; case matters',
		format => 'clinical', mandatory => true);
	PERFORM caredata.define_dataset_column('gp_event', 'scheme', 'text',
		'Coding scheme of the code: readv2, ctv3 or snomed',
		code_list => 'clinical_scheme', mandatory => true);
	PERFORM caredata.define_dataset_column('gp_event', 'value1_condition', 'float8',
		'First value recorded with the code, such as systolic pressure');
	PERFORM caredata.define_dataset_column('gp_event', 'value2_condition', 'float8',
		'Second value recorded with the code, such as diastolic pressure');
	PERFORM caredata.define_dataset_column('gp_event', 'episode_condition', 'text',
		'Episode type recorded with the condition (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('gp_event', 'sensitive_code', 'boolean',
		'Whether the supplier marked the code as sensitive');
	PERFORM caredata.define_dataset_column('gp_event', 'gp_system_supplier', 'text',
		'Supplier of the practice''s system');
	PERFORM caredata.define_dataset_column('gp_event', 'reporting_period_end_date', 'date',
		'Last day of the period that the extract covers',
		future_allowed => true);

	PERFORM caredata.define_dataset('gp_prescription', 'gp', 'GP prescriptions',
		ARRAY['practice', 'prescription_id'],
		'One row for each item prescribed in general practice',
		partition_column => 'date', event_date_column => 'date');
	PERFORM caredata.define_dataset_column('gp_prescription', 'practice', 'text',
		'GP practice that prescribed, an ODS code',
		role => 'source_organisation', format => 'ods', mandatory => true);
	PERFORM caredata.define_dataset_column('gp_prescription', 'prescription_id', 'text',
		'Key of the prescription in the practice''s system',
		mandatory => true);
	PERFORM caredata.define_dataset_column('gp_prescription', 'nhs_number', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('gp_prescription', 'date_of_birth', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('gp_prescription', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('gp_prescription', 'postcode', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('gp_prescription', 'local_patient_id', 'text',
		'Number the practice gave the patient; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('gp_prescription', 'date', 'date',
		'When it was prescribed',
		mandatory => true);
	PERFORM caredata.define_dataset_column('gp_prescription', 'record_date', 'date',
		'When it was entered into the record');
	PERFORM caredata.define_dataset_column('gp_prescription', 'code', 'text',
		'Medicine in the scheme named beside it',
		format => 'clinical', mandatory => true);
	PERFORM caredata.define_dataset_column('gp_prescription', 'scheme', 'text',
		'Coding scheme of the code: dmd, snomed, readv2 or ctv3',
		code_list => 'prescription_scheme', mandatory => true);
	PERFORM caredata.define_dataset_column('gp_prescription', 'quantity', 'float8',
		'Quantity prescribed, in the unit of the product');
	PERFORM caredata.define_dataset_column('gp_prescription', 'value1_prescription', 'float8',
		'First value recorded with the item');
	PERFORM caredata.define_dataset_column('gp_prescription', 'value2_prescription', 'float8',
		'Second value recorded with the item');
	PERFORM caredata.define_dataset_column('gp_prescription', 'episode_prescription', 'text',
		'Acute, repeat or other (meaning from memory, not confirmed against a source)');

	PERFORM caredata.define_dataset('apc_episode', 'hospital', 'Admitted patient care episodes',
		ARRAY['fyear', 'epikey'],
		'One row for each finished or unfinished consultant episode, with HES field names. A spell is the stay at one provider: its first episode has epiorder 1. A key is unique within a data year only',
		partition_column => 'epistart', event_date_column => 'epistart');
	PERFORM caredata.define_dataset_column('apc_episode', 'fyear', 'text',
		'Data year, 2324 for April 2023 to March 2024',
		treatment => 'keep', mandatory => true);
	PERFORM caredata.define_dataset_column('apc_episode', 'epikey', 'bigint',
		'Record key of the episode',
		mandatory => true);
	PERFORM caredata.define_dataset_column('apc_episode', 'newnhsno', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('apc_episode', 'dob', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('apc_episode', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('apc_episode', 'homeadd', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('apc_episode', 'lopatid', 'text',
		'Provider''s number for the patient; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('apc_episode', 'procode3', 'text',
		'Provider, an ODS code',
		role => 'source_organisation', format => 'ods', mandatory => true);
	PERFORM caredata.define_dataset_column('apc_episode', 'sitetret', 'text',
		'Site of treatment, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('apc_episode', 'gpprac', 'text',
		'GP practice as the provider recorded it, an ODS code; for the practice on a date use gp_registration',
		format => 'ods');
	PERFORM caredata.define_dataset_column('apc_episode', 'purcode', 'text',
		'Commissioner that pays, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('apc_episode', 'ccg_responsibility', 'text',
		'Commissioner responsible for the patient, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('apc_episode', 'lsoa11', 'text',
		'Lower layer super output area (2011) of the usual address',
		format => 'lsoa');
	PERFORM caredata.define_dataset_column('apc_episode', 'ethnos', 'text',
		'Ethnic category (2001 census 16+1); Z not stated, 99 not known',
		format => 'ethnic_category', code_list => 'ethnos');
	PERFORM caredata.define_dataset_column('apc_episode', 'startage', 'smallint',
		'Age in years at the start of the episode; 7001 to 7007 for babies under one year (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('apc_episode', 'resladst', 'text',
		'Local authority district of residence, an ONS code');
	PERFORM caredata.define_dataset_column('apc_episode', 'elecdate', 'date',
		'Date of the decision to admit');
	PERFORM caredata.define_dataset_column('apc_episode', 'elecdur', 'integer',
		'Days from the decision to admit to admission');
	PERFORM caredata.define_dataset_column('apc_episode', 'admidate', 'date',
		'Date of admission, the start of the spell',
		mandatory => true);
	PERFORM caredata.define_dataset_column('apc_episode', 'admimeth', 'text',
		'Method of admission; 21 to 2D are emergencies',
		code_list => 'admimeth');
	PERFORM caredata.define_dataset_column('apc_episode', 'admisorc', 'text',
		'Source of admission',
		code_list => 'admisorc');
	PERFORM caredata.define_dataset_column('apc_episode', 'intmanig', 'text',
		'Intended management',
		code_list => 'intmanig');
	PERFORM caredata.define_dataset_column('apc_episode', 'classpat', 'text',
		'Patient classification: ordinary, day case, regular attender, delivery',
		code_list => 'classpat');
	PERFORM caredata.define_dataset_column('apc_episode', 'epistart', 'date',
		'Start of the episode',
		not_before => 'admidate', mandatory => true);
	PERFORM caredata.define_dataset_column('apc_episode', 'epiend', 'date',
		'End of the episode; empty while it is unfinished',
		not_before => 'epistart');
	PERFORM caredata.define_dataset_column('apc_episode', 'epidur', 'integer',
		'Length of the episode in days');
	PERFORM caredata.define_dataset_column('apc_episode', 'epiorder', 'smallint',
		'Position of the episode in its spell; 1 is the admission');
	PERFORM caredata.define_dataset_column('apc_episode', 'epistat', 'text',
		'Episode status: 1 unfinished, 3 finished',
		code_list => 'epistat');
	PERFORM caredata.define_dataset_column('apc_episode', 'epitype', 'text',
		'Episode type',
		code_list => 'epitype');
	PERFORM caredata.define_dataset_column('apc_episode', 'disdate', 'date',
		'Date of discharge, the end of the spell',
		not_before => 'admidate');
	PERFORM caredata.define_dataset_column('apc_episode', 'dismeth', 'text',
		'Method of discharge; 4 is death',
		code_list => 'dismeth');
	PERFORM caredata.define_dataset_column('apc_episode', 'disdest', 'text',
		'Destination on discharge',
		code_list => 'disdest');
	PERFORM caredata.define_dataset_column('apc_episode', 'spelbgin', 'smallint',
		'Whether the episode begins the spell (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('apc_episode', 'spelend', 'text',
		'Whether the episode ends the spell, Y or N (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('apc_episode', 'speldur', 'integer',
		'Length of the spell in days');
	PERFORM caredata.define_dataset_column('apc_episode', 'last_episode_in_spell', 'boolean',
		'Whether the episode is the last of its spell');
	PERFORM caredata.define_dataset_column('apc_episode', 'well_baby_ind', 'boolean',
		'Whether the episode is of a well baby');
	PERFORM caredata.define_dataset_column('apc_episode', 'mainspef', 'text',
		'Main specialty of the consultant');
	PERFORM caredata.define_dataset_column('apc_episode', 'tretspef', 'text',
		'Treatment specialty');
	FOR i IN 1..20 LOOP
		PERFORM caredata.define_dataset_column('apc_episode',
			format('diag_%s', to_char(i, 'FM00'))::name, 'text',
			format('Diagnosis %s, ICD-10 of four characters (J46X); diag_01 is the primary, R69X unknown', i),
			format => 'icd10');
	END LOOP;
	FOR i IN 1..24 LOOP
		PERFORM caredata.define_dataset_column('apc_episode',
			format('opertn_%s', to_char(i, 'FM00'))::name, 'text',
			format('Procedure %s, OPCS-4 of four characters', i),
			format => 'opcs4');
	END LOOP;
	FOR i IN 1..24 LOOP
		PERFORM caredata.define_dataset_column('apc_episode',
			format('opdate_%s', to_char(i, 'FM00'))::name, 'date',
			format('Date of procedure %s', i));
	END LOOP;
	PERFORM caredata.define_dataset_column('apc_episode', 'hrg', 'text',
		'Healthcare resource group');
	PERFORM caredata.define_dataset_column('apc_episode', 'sushrg', 'text',
		'Healthcare resource group that sets the tariff, as SUS derived it');

	PERFORM caredata.define_dataset('op_attendance', 'hospital', 'Outpatient appointments',
		ARRAY['fyear', 'attendkey'],
		'One row for each outpatient appointment, attended or not, with HES field names',
		partition_column => 'apptdate', event_date_column => 'apptdate');
	PERFORM caredata.define_dataset_column('op_attendance', 'fyear', 'text',
		'Data year, 2324 for April 2023 to March 2024',
		treatment => 'keep', mandatory => true);
	PERFORM caredata.define_dataset_column('op_attendance', 'attendkey', 'bigint',
		'Record key of the appointment',
		mandatory => true);
	PERFORM caredata.define_dataset_column('op_attendance', 'newnhsno', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('op_attendance', 'dob', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('op_attendance', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('op_attendance', 'homeadd', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('op_attendance', 'lopatid', 'text',
		'Provider''s number for the patient; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('op_attendance', 'procode3', 'text',
		'Provider, an ODS code',
		role => 'source_organisation', format => 'ods', mandatory => true);
	PERFORM caredata.define_dataset_column('op_attendance', 'sitetret', 'text',
		'Site of treatment, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('op_attendance', 'gpprac', 'text',
		'GP practice as the provider recorded it, an ODS code; for the practice on a date use gp_registration',
		format => 'ods');
	PERFORM caredata.define_dataset_column('op_attendance', 'purcode', 'text',
		'Commissioner that pays, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('op_attendance', 'ccg_responsibility', 'text',
		'Commissioner responsible for the patient, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('op_attendance', 'lsoa11', 'text',
		'Lower layer super output area (2011) of the usual address',
		format => 'lsoa');
	PERFORM caredata.define_dataset_column('op_attendance', 'ethnos', 'text',
		'Ethnic category (2001 census 16+1); Z not stated, 99 not known',
		format => 'ethnic_category', code_list => 'ethnos');
	PERFORM caredata.define_dataset_column('op_attendance', 'apptage', 'smallint',
		'Age in years on the day of the appointment');
	PERFORM caredata.define_dataset_column('op_attendance', 'reqdate', 'date',
		'Date the referral was received');
	PERFORM caredata.define_dataset_column('op_attendance', 'refsourc', 'text',
		'Source of referral',
		code_list => 'refsourc');
	PERFORM caredata.define_dataset_column('op_attendance', 'priority', 'text',
		'Priority of the referral');
	PERFORM caredata.define_dataset_column('op_attendance', 'apptdate', 'date',
		'Date of the appointment',
		future_allowed => true, mandatory => true);
	PERFORM caredata.define_dataset_column('op_attendance', 'atentype', 'text',
		'Attendance type');
	PERFORM caredata.define_dataset_column('op_attendance', 'attended', 'text',
		'Attended or did not attend; 5 and 6 were seen',
		code_list => 'attended');
	PERFORM caredata.define_dataset_column('op_attendance', 'firstatt', 'text',
		'First attendance, follow-up or telephone',
		code_list => 'firstatt');
	PERFORM caredata.define_dataset_column('op_attendance', 'outcome', 'text',
		'Outcome of the attendance',
		code_list => 'op_outcome');
	PERFORM caredata.define_dataset_column('op_attendance', 'mainspef', 'text',
		'Main specialty of the consultant');
	PERFORM caredata.define_dataset_column('op_attendance', 'tretspef', 'text',
		'Treatment specialty');
	FOR i IN 1..12 LOOP
		PERFORM caredata.define_dataset_column('op_attendance',
			format('diag_%s', to_char(i, 'FM00'))::name, 'text',
			format('Diagnosis %s, ICD-10 of four characters; seldom filled', i),
			format => 'icd10');
	END LOOP;
	FOR i IN 1..24 LOOP
		PERFORM caredata.define_dataset_column('op_attendance',
			format('opertn_%s', to_char(i, 'FM00'))::name, 'text',
			format('Procedure %s, OPCS-4 of four characters', i),
			format => 'opcs4');
	END LOOP;

	PERFORM caredata.define_dataset('ed_attendance', 'hospital', 'Emergency department attendances',
		ARRAY['fyear', 'aekey'],
		'One row for each attendance at an emergency department, urgent treatment centre or walk-in centre',
		partition_column => 'arrivaldate', event_date_column => 'arrivaldate');
	PERFORM caredata.define_dataset_column('ed_attendance', 'fyear', 'text',
		'Data year, 2324 for April 2023 to March 2024',
		treatment => 'keep', mandatory => true);
	PERFORM caredata.define_dataset_column('ed_attendance', 'aekey', 'bigint',
		'Record key of the attendance',
		mandatory => true);
	PERFORM caredata.define_dataset_column('ed_attendance', 'newnhsno', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('ed_attendance', 'dob', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('ed_attendance', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('ed_attendance', 'homeadd', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('ed_attendance', 'lopatid', 'text',
		'Provider''s number for the patient; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('ed_attendance', 'procode3', 'text',
		'Provider, an ODS code',
		role => 'source_organisation', format => 'ods', mandatory => true);
	PERFORM caredata.define_dataset_column('ed_attendance', 'sitetret', 'text',
		'Site of treatment, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('ed_attendance', 'gpprac', 'text',
		'GP practice as the provider recorded it, an ODS code; for the practice on a date use gp_registration',
		format => 'ods');
	PERFORM caredata.define_dataset_column('ed_attendance', 'purcode', 'text',
		'Commissioner that pays, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('ed_attendance', 'ccg_responsibility', 'text',
		'Commissioner responsible for the patient, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('ed_attendance', 'lsoa11', 'text',
		'Lower layer super output area (2011) of the usual address',
		format => 'lsoa');
	PERFORM caredata.define_dataset_column('ed_attendance', 'ethnos', 'text',
		'Ethnic category (2001 census 16+1); Z not stated, 99 not known',
		format => 'ethnic_category', code_list => 'ethnos');
	PERFORM caredata.define_dataset_column('ed_attendance', 'arrivalage', 'smallint',
		'Age in years on arrival');
	PERFORM caredata.define_dataset_column('ed_attendance', 'arrivaldate', 'date',
		'Date of arrival',
		mandatory => true);
	PERFORM caredata.define_dataset_column('ed_attendance', 'arrivaltime', 'time',
		'Time of arrival');
	PERFORM caredata.define_dataset_column('ed_attendance', 'aearrivalmode', 'text',
		'How the patient arrived (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('ed_attendance', 'department_type', 'text',
		'Department type; 01 is a major emergency department',
		code_list => 'department_type');
	PERFORM caredata.define_dataset_column('ed_attendance', 'attendance_category', 'text',
		'Attendance category; 1 is unplanned and first',
		code_list => 'attendance_category');
	PERFORM caredata.define_dataset_column('ed_attendance', 'aepatgroup', 'text',
		'Patient group (commissioning data set to 2019/20) (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('ed_attendance', 'aeincloctype', 'text',
		'Incident location type (commissioning data set to 2019/20) (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('ed_attendance', 'aeattenddisp', 'text',
		'Attendance disposal (commissioning data set to 2019/20) (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('ed_attendance', 'acuity', 'text',
		'Acuity on first assessment, a SNOMED CT concept',
		format => 'snomed');
	PERFORM caredata.define_dataset_column('ed_attendance', 'chief_complaint', 'text',
		'Chief complaint, a SNOMED CT concept',
		format => 'snomed');
	PERFORM caredata.define_dataset_column('ed_attendance', 'initdur', 'integer',
		'Minutes from arrival to first assessment (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('ed_attendance', 'tretdur', 'integer',
		'Minutes from arrival to treatment (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('ed_attendance', 'concldur', 'integer',
		'Minutes from arrival to the end of treatment (meaning from memory, not confirmed against a source)');
	PERFORM caredata.define_dataset_column('ed_attendance', 'depdur', 'integer',
		'Minutes from arrival to departure (meaning from memory, not confirmed against a source)');
	FOR i IN 1..12 LOOP
		PERFORM caredata.define_dataset_column('ed_attendance',
			format('diag_%s', to_char(i, 'FM00'))::name, 'text',
			format('Diagnosis %s, a SNOMED CT concept', i),
			format => 'snomed');
	END LOOP;
	FOR i IN 1..12 LOOP
		PERFORM caredata.define_dataset_column('ed_attendance',
			format('invest_%s', to_char(i, 'FM00'))::name, 'text',
			format('Investigation %s, a SNOMED CT concept', i),
			format => 'snomed');
	END LOOP;
	FOR i IN 1..12 LOOP
		PERFORM caredata.define_dataset_column('ed_attendance',
			format('treat_%s', to_char(i, 'FM00'))::name, 'text',
			format('Treatment %s, a SNOMED CT concept', i),
			format => 'snomed');
	END LOOP;
	PERFORM caredata.define_dataset_column('ed_attendance', 'discharge_destination', 'text',
		'Discharge destination, a SNOMED CT concept',
		format => 'snomed');
	PERFORM caredata.define_dataset_column('ed_attendance', 'discharge_status', 'text',
		'Discharge status, a SNOMED CT concept',
		format => 'snomed');

	PERFORM caredata.define_dataset('community_contact', 'community', 'Community care contacts',
		ARRAY['provider', 'care_contact_id'],
		'One row for each contact of a community team with a person, with the referral it belongs to (Community Services Data Set)',
		partition_column => 'care_contact_date', event_date_column => 'care_contact_date');
	PERFORM caredata.define_dataset_column('community_contact', 'provider', 'text',
		'Provider, an ODS code',
		role => 'source_organisation', format => 'ods', mandatory => true);
	PERFORM caredata.define_dataset_column('community_contact', 'care_contact_id', 'text',
		'Key of the contact',
		mandatory => true);
	PERFORM caredata.define_dataset_column('community_contact', 'service_request_id', 'text',
		'Key of the referral that the contact belongs to',
		treatment => 'record_pid');
	PERFORM caredata.define_dataset_column('community_contact', 'nhs_number', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('community_contact', 'date_of_birth', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('community_contact', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('community_contact', 'postcode', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('community_contact', 'local_patient_id', 'text',
		'Provider''s number for the patient; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('community_contact', 'nhs_number_status', 'text',
		'NHS number status indicator',
		code_list => 'nhs_number_status');
	PERFORM caredata.define_dataset_column('community_contact', 'ethnos', 'text',
		'Ethnic category (2001 census 16+1); Z not stated, 99 not known',
		format => 'ethnic_category', code_list => 'ethnos');
	PERFORM caredata.define_dataset_column('community_contact', 'lsoa', 'text',
		'Lower layer super output area of the usual address',
		format => 'lsoa');
	PERFORM caredata.define_dataset_column('community_contact', 'practice', 'text',
		'GP practice as the provider recorded it, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('community_contact', 'commissioner', 'text',
		'Commissioner, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('community_contact', 'referral_received_date', 'date',
		'Date the referral was received');
	PERFORM caredata.define_dataset_column('community_contact', 'source_of_referral', 'text',
		'Source of referral',
		code_list => 'community_referral_source');
	PERFORM caredata.define_dataset_column('community_contact', 'primary_reason_for_referral', 'text',
		'Primary reason for referral',
		code_list => 'community_referral_reason');
	PERFORM caredata.define_dataset_column('community_contact', 'priority', 'text',
		'Priority of the referral');
	PERFORM caredata.define_dataset_column('community_contact', 'team_type', 'text',
		'Type of team referred to',
		code_list => 'team_type');
	PERFORM caredata.define_dataset_column('community_contact', 'care_contact_date', 'date',
		'Date of the contact',
		future_allowed => true, mandatory => true);
	PERFORM caredata.define_dataset_column('community_contact', 'care_contact_duration', 'smallint',
		'Minutes the contact lasted');
	PERFORM caredata.define_dataset_column('community_contact', 'consultation_type', 'text',
		'Consultation type');
	PERFORM caredata.define_dataset_column('community_contact', 'consultation_medium', 'text',
		'Consultation medium used',
		code_list => 'consultation_medium');
	PERFORM caredata.define_dataset_column('community_contact', 'location_type', 'text',
		'Type of location');
	PERFORM caredata.define_dataset_column('community_contact', 'attended', 'text',
		'Attended or did not attend; 5 and 6 were seen',
		code_list => 'attended');
	PERFORM caredata.define_dataset_column('community_contact', 'activity_type', 'text',
		'Community care activity type',
		code_list => 'community_activity_type');
	PERFORM caredata.define_dataset_column('community_contact', 'coded_procedure', 'text',
		'Procedure, a SNOMED CT concept',
		format => 'snomed');
	PERFORM caredata.define_dataset_column('community_contact', 'coded_finding', 'text',
		'Finding, a SNOMED CT concept',
		format => 'snomed');
	PERFORM caredata.define_dataset_column('community_contact', 'service_discharge_date', 'date',
		'Date the service discharged the person',
		not_before => 'referral_received_date');
	PERFORM caredata.define_dataset_column('community_contact', 'referral_closure_reason', 'text',
		'Why the referral was closed',
		code_list => 'referral_closure_reason');

	PERFORM caredata.define_dataset('social_care_event', 'social_care', 'Adult social care events',
		ARRAY['la_code', 'event_reference'],
		'One row for each request, assessment, service or review (Client Level Data)',
		partition_column => 'event_start_date', event_date_column => 'event_start_date');
	PERFORM caredata.define_dataset_column('social_care_event', 'la_code', 'text',
		'Local authority with adult social care duties',
		role => 'source_organisation', mandatory => true);
	PERFORM caredata.define_dataset_column('social_care_event', 'event_reference', 'text',
		'Key of the event in the authority''s system',
		mandatory => true);
	PERFORM caredata.define_dataset_column('social_care_event', 'nhs_number', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('social_care_event', 'date_of_birth', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('social_care_event', 'gender', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('social_care_event', 'postcode', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('social_care_event', 'la_person_id', 'text',
		'Number the local authority gave the person; used for linkage, never stored with care',
		role => 'local_patient_id');
	PERFORM caredata.define_dataset_column('social_care_event', 'reporting_period_start_date', 'date',
		'First day of the period that the submission covers');
	PERFORM caredata.define_dataset_column('social_care_event', 'reporting_period_end_date', 'date',
		'Last day of the period that the submission covers',
		future_allowed => true, not_before => 'reporting_period_start_date');
	PERFORM caredata.define_dataset_column('social_care_event', 'import_date', 'date',
		'When the submission was received; of two rows for one event the later counts');
	PERFORM caredata.define_dataset_column('social_care_event', 'lsoa', 'text',
		'Lower layer super output area of the usual address',
		format => 'lsoa');
	PERFORM caredata.define_dataset_column('social_care_event', 'practice', 'text',
		'GP practice as the authority recorded it, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('social_care_event', 'client_type', 'text',
		'Service user, carer and so on',
		code_list => 'client_type');
	PERFORM caredata.define_dataset_column('social_care_event', 'event_type', 'text',
		'Request, Assessment, Service or Review',
		code_list => 'event_type', mandatory => true);
	PERFORM caredata.define_dataset_column('social_care_event', 'event_start_date', 'date',
		'Start of the event',
		mandatory => true);
	PERFORM caredata.define_dataset_column('social_care_event', 'event_end_date', 'date',
		'End of the event; empty for a service that is open',
		future_allowed => true, not_before => 'event_start_date');
	PERFORM caredata.define_dataset_column('social_care_event', 'event_outcome', 'text',
		'Outcome of the event; care.code_list has the national order of precedence');
	PERFORM caredata.define_dataset_column('social_care_event', 'service_type', 'text',
		'Service type; filled for services',
		code_list => 'service_type');
	PERFORM caredata.define_dataset_column('social_care_event', 'service_component', 'text',
		'What the service consists of');
	PERFORM caredata.define_dataset_column('social_care_event', 'delivery_mechanism', 'text',
		'How the service is paid for',
		code_list => 'delivery_mechanism');
	PERFORM caredata.define_dataset_column('social_care_event', 'primary_support_reason', 'text',
		'Main reason for support');
	PERFORM caredata.define_dataset_column('social_care_event', 'request_route_of_access', 'text',
		'Where the request came from');
	PERFORM caredata.define_dataset_column('social_care_event', 'accommodation_status', 'text',
		'Accommodation status');
	PERFORM caredata.define_dataset_column('social_care_event', 'employment_status', 'text',
		'Employment status');
	PERFORM caredata.define_dataset_column('social_care_event', 'has_unpaid_carer', 'text',
		'Whether the person has an unpaid carer');

	PERFORM caredata.define_dataset('death', 'registry', 'Registered deaths',
		ARRAY['registration_id'],
		'One row for each registered death',
		partition_column => NULL, event_date_column => 'date_of_death');
	PERFORM caredata.define_dataset_column('death', 'registration_id', 'text',
		'Key of the entry in the register',
		mandatory => true);
	PERFORM caredata.define_dataset_column('death', 'nhs_number', 'nhs_number',
		'NHS number; used for linkage, never stored with care',
		role => 'nhs_number');
	PERFORM caredata.define_dataset_column('death', 'date_of_birth', 'date',
		'Date of birth; used for linkage, never stored with care',
		role => 'date_of_birth');
	PERFORM caredata.define_dataset_column('death', 'sex', 'text',
		'Sex: 1 male, 2 female, 9 not specified, 0 not known; used for linkage',
		role => 'sex', format => 'sex', code_list => 'sex');
	PERFORM caredata.define_dataset_column('death', 'postcode', 'postcode',
		'Postcode of usual address; used for linkage, never stored with care',
		role => 'postcode');
	PERFORM caredata.define_dataset_column('death', 'date_of_death', 'date',
		'Date of death',
		mandatory => true);
	PERFORM caredata.define_dataset_column('death', 'registration_date', 'date',
		'Date the death was registered',
		not_before => 'date_of_death');
	PERFORM caredata.define_dataset_column('death', 'place_of_death', 'text',
		'Place of death as the register codes it');
	PERFORM caredata.define_dataset_column('death', 'communal_establishment', 'text',
		'Establishment where the person died, an ODS code',
		format => 'ods');
	PERFORM caredata.define_dataset_column('death', 'lsoa', 'text',
		'Lower layer super output area of the usual address',
		format => 'lsoa');
	PERFORM caredata.define_dataset_column('death', 'underlying_cause', 'text',
		'Underlying cause of death, ICD-10 of four characters',
		format => 'icd10');
	FOR i IN 1..8 LOOP
		PERFORM caredata.define_dataset_column('death',
			format('cause_%s', to_char(i, 'FM00'))::name, 'text',
			format('Cause %s on the certificate, ICD-10 of four characters', i),
			format => 'icd10');
	END LOOP;
END
$$;
REVOKE ALL ON FUNCTION caredata.define_standard_datasets() FROM PUBLIC;
COMMENT ON FUNCTION caredata.define_standard_datasets() IS
	'Defines the datasets that every care database has; create_care_database() calls it once';
