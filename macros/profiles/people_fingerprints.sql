{# A hash of everything that a person's attributes are chosen from, for each person who has any: the statements up to the
   run's moment, whether they may be used, and the rules. Nothing but the person's own rows can change it, or the rules.

   identity_map: the name of a CTE. Sums of hashes do not depend on the order of rows and are cheaper than the candidates
   themselves, which they spare. #}
{% macro people_fingerprints(identity_map) -%}
    select
        {{ identity_map }}.profile_id,
        {{ fast_hash(['sum(stated.fingerprint)', "'" ~ survivorship_salt() ~ "'"]) }} as fingerprint
    from (
        select
            statements.identifier_type,
            statements.identifier_value,
            sum({{ fast_hash([
                'statements.attribute', 'statements.value', 'statements.source', 'statements.observed_at',
                'case when suppressions.identifier_value is null then 0 else 1 end',
            ]) }}) as fingerprint
        from {{ ref('profile_statements') }} as statements
        left join {{ ref('suppressions') }} as suppressions
            on
                statements.attribute = suppressions.identifier_type
                and statements.value = suppressions.identifier_value
        where statements.observed_at is null or statements.observed_at <= {{ as_of() }}
        group by 1, 2
    ) as stated
    inner join {{ identity_map }}
        on
            stated.identifier_type = {{ identity_map }}.identifier_type
            and stated.identifier_value = {{ identity_map }}.identifier_value
    group by 1
{%- endmacro %}

{# What ranks depend on besides statements: a change of it ranks everybody anew. #}
{% macro survivorship_salt() -%}
    {{- local_md5(tojson({
        'version': 1, 'rules': survivorship_rules(), 'source_priority': var('survivorship').source_priority,
    }, sort_keys=true)) -}}
{%- endmacro %}

{# The fingerprints that the rows of this model were made with; none of it on a first run. A table of an older form has
   none, and each of its people differs. #}
{% macro stored_fingerprints() -%}
    {%- set lacking = lacking_columns(this, ['fingerprint', 'rank_of_value']) if is_incremental() else none -%}
    select
        {% if is_incremental() %}profile_id{% else %}cast(null as {{ dbt.type_string() }}) as profile_id{% endif %},
        {{ 'cast(null as ' ~ dbt.type_bigint() ~ ')' if lacking is none or lacking else 'max(fingerprint)' }} as fingerprint
    {% if is_incremental() %}
    from {{ this }}
    group by profile_id
    {% else %}
    where false
    {% endif %}
{%- endmacro %}

{# In an incremental run, a row without a rank for each person who had candidates and has none any more. #}
{% macro people_without_candidates(changed) -%}
    {% if is_incremental() %}
    union all

    select
        profile_id,
        fingerprint,
        {%- for column, type in {
            'attribute': dbt.type_string(), 'value': dbt.type_string(), 'source': dbt.type_string(),
            'observed_at': dbt.type_timestamp(), 'count_statements': dbt.type_bigint(), 'is_suppressed': 'boolean',
            'rule': dbt.type_string(), 'rank_of_value': dbt.type_bigint(), 'count_candidates': dbt.type_bigint(),
        }.items() %}
        cast(null as {{ type }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ changed }}
    where fingerprint is null
    {% endif %}
{%- endmacro %}
