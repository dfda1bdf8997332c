{# Why a profile was merged or split, as SQL: one edge for each (previous_seq, canonical_seq, is_joined).

   For a merge it is the best edge, in the order of identity_edge_ranks, that links now and leads from an identifier
   that moved to one that was not of the same profile. For a split it is the best edge between an identifier that
   moved and one that was of the same profile and no longer is: it does not link any more, and `reason` says why, or
   it is refused now (`refused`, identity_refusals says by what).

   An edge between two that never moved has nothing to do with it, so a change reads the edges of who moved; and an
   edge that was lost before (in a batch up to `finished`) was not what held them together. #}
{% macro causes_of_changes(moves, edges, nodes, rules, labels, finished) %}
    with moved as (
        select node_seq, previous_seq, canonical_seq
        from {{ moves }}
        where previous_seq is not null and previous_seq <> canonical_seq
    ),

    ends as (
        select moved.node_seq, edges.b as other_seq, edges.*
        from {{ edges }} as edges
        inner join moved on edges.a = moved.node_seq
        where edges.rule <> 'exclude'
        union all
        select moved.node_seq, edges.a as other_seq, edges.*
        from {{ edges }} as edges
        inner join moved on edges.b = moved.node_seq
        where edges.rule <> 'exclude'
    ),

    {#- Where the other end was and is: one that does not move is where its label says, a new one was nowhere. #}
    others as (
        select
            named.node_seq,
            coalesce(moves.previous_seq, labels.canonical_seq) as previous_seq,
            coalesce(moves.canonical_seq, labels.canonical_seq) as canonical_seq
        from (select distinct other_seq as node_seq from ends) as named
        left join {{ labels }} as labels on named.node_seq = labels.node_seq
        left join {{ moves }} as moves on named.node_seq = moves.node_seq
    ),

    rules as (
        select identifier_type, priority from {{ rules }} where neighbour_type = 'any'
    ),

    priorities as (
        select nodes.node_seq, coalesce(own.priority, fallback.priority) as priority
        from {{ nodes }} as nodes
        inner join others on nodes.node_seq = others.node_seq
        inner join rules as fallback on fallback.identifier_type = 'default'
        left join rules as own on nodes.identifier_type = own.identifier_type
        union
        select nodes.node_seq, coalesce(own.priority, fallback.priority) as priority
        from {{ nodes }} as nodes
        inner join moved on nodes.node_seq = moved.node_seq
        inner join rules as fallback on fallback.identifier_type = 'default'
        left join rules as own on nodes.identifier_type = own.identifier_type
    ),

    causes as (
        select
            edges.a,
            edges.b,
            edges.rule,
            edges.source,
            case
                when others.canonical_seq = moved.canonical_seq then null
                when edges.is_active then 'refused'
                else edges.inactive_reason
            end as reason,
            moved.previous_seq,
            moved.canonical_seq,
            case when others.canonical_seq = moved.canonical_seq then 1 else 0 end as is_joined,
            row_number() over (
                partition by
                    moved.previous_seq,
                    moved.canonical_seq,
                    case when others.canonical_seq = moved.canonical_seq then 1 else 0 end
                order by {{ identity_edge_ranks('greatest(mine.priority, theirs.priority)') }}
            ) as place
        from ends as edges
        inner join moved on edges.node_seq = moved.node_seq
        inner join others on edges.other_seq = others.node_seq
        inner join priorities as mine on edges.node_seq = mine.node_seq
        inner join priorities as theirs on edges.other_seq = theirs.node_seq
        where
            (
                edges.is_active
                and others.canonical_seq = moved.canonical_seq
                and others.previous_seq is distinct from moved.previous_seq
            )
            or (
                (edges.is_active or edges.batch > {{ finished }})
                and others.previous_seq = moved.previous_seq
                and others.canonical_seq <> moved.canonical_seq
            )
    )

    select * from causes where place = 1
{% endmacro %}
