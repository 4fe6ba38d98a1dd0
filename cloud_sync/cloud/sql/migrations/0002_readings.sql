-- Which readings each window was cut from, by the numbers that the box gave them in each of its boots.
--
-- One row a window, taken or left as a whole: a window that was cut anew with other readings doesn't count as holding
-- them. `channels` is how many rows of `windows` belong to it; with fewer than that it isn't whole any more.
CREATE TABLE window_readings (
    machine     text             NOT NULL,
    start_time  timestamptz      NOT NULL,
    channels    integer          NOT NULL,
    boots       text[]           NOT NULL,
    numbers     int8multirange[] NOT NULL,
    PRIMARY KEY (machine, start_time)
);
