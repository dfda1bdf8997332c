{# A score from 1 to 5 by rank, 5 for the highest fifth; `order_by` is an expression that grows with the score.

   Rows that tie get the same score, that of the lowest place among them: who is worth the same is treated the same, and
   no order of rows can change a score. The fifths are compared as whole numbers, since a division ends differently on the
   two warehouses. #}
{% macro quintile(order_by) -%}
    {%- set above = 'rank() over (order by ' ~ order_by ~ ') - 1' -%}
    cast(
        case
            {%- for score in [5, 4, 3, 2] %}
            when 5 * ({{ above }}) >= {{ score - 1 }} * count(*) over () then {{ score }}
            {%- endfor %}
            else 1
        end as {{ dbt.type_bigint() }}
    )
{%- endmacro %}
